"""Video to frames and windows of sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from uio2_ros.processing import ProcessingConfig, Processor
from uio2_ros.processing.config import VideoSettings
from uio2_ros.processing.video import middles, read_video, sound_windows, trim_black_bars
from uio2_ros.robot.errors import InvalidInputError

Frames = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def silent_film(tmp_path_factory: pytest.TempPathFactory, coloured_frames: Frames) -> Path:
    """20 frames at 10 Hz."""
    path = tmp_path_factory.mktemp("video") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for frame in coloured_frames:
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture(scope="session")
def talking_film(tmp_path_factory: pytest.TempPathFactory, coloured_frames: Frames) -> Path:
    """20 frames at 1 Hz; sound at 16 kHz, silent in its first half, a tone in its second."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("video") / "talking.mkv"
    time_s = np.arange(20 * 16000) / 16000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time_s) * (time_s >= 10)).astype(np.float32)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mjpeg", rate=1, options={"strict": "unofficial"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuvj420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for number, pixels in enumerate(coloured_frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1)
            container.mux(pictures.encode(frame))
        samples = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], "s16", "mono")
        samples.sample_rate, samples.pts = 16000, 0
        container.mux(sound.encode(samples))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))
    return path


def test_frames_are_those_in_the_middle_of_equal_segments(coloured_frames: Frames) -> None:
    read = read_video(coloured_frames, 5)
    np.testing.assert_array_equal(read.frames, coloured_frames[[2, 6, 10, 14, 18]])
    assert read.duration_s is None


def test_a_file_gives_the_same_frames_as_its_pixels(
    silent_film: Path, coloured_frames: Frames
) -> None:
    read = read_video(silent_film, 5)
    expected = coloured_frames[[2, 6, 10, 14, 18]]
    np.testing.assert_allclose(read.frames.astype(int), expected.astype(int), atol=4)
    assert read.duration_s == pytest.approx(2.0)


@bounded(deadline=None)
@given(st.integers(1, 1000), st.integers(1, 9))
def test_chosen_frames_exist_and_are_in_order(frames: int, count: int) -> None:
    chosen = middles(frames, count)
    assert len(chosen) == min(frames, count)
    assert (np.diff(chosen) > 0).all()
    assert 0 <= chosen[0] <= chosen[-1] < frames


def test_black_bars_are_trimmed() -> None:
    frames = np.zeros((2, 100, 200, 3), np.uint8)
    frames[0, 10:90, 20:190] = 15
    frames[1, 15:80, 40:180, 2] = 16
    assert trim_black_bars(frames, VideoSettings()).shape == (2, 65, 140, 3)


def test_at_most_thirty_percent_of_a_side_is_trimmed() -> None:
    black = np.zeros((1, 100, 200, 3), np.uint8)
    assert trim_black_bars(black, VideoSettings()).shape == (1, 40, 80, 3)


def test_sound_windows_are_centred_on_their_parts(settings: ProcessingConfig) -> None:
    audio = settings.audio
    samples = np.arange(40 * 16000, dtype=np.float32)
    windows = sound_windows(samples, 40.0, 4, audio)
    assert windows.shape == (4, audio.segment_samples)
    np.testing.assert_array_equal(windows[:, 0], 16000 * np.array([5, 15, 25, 35]) - 32640)
    np.testing.assert_array_equal(np.diff(windows), 1)


def test_parts_shorter_than_a_window_are_centred_in_zeros(settings: ProcessingConfig) -> None:
    windows = sound_windows(np.ones(32000, np.float32), 2.0, 2, settings.audio)
    edge = (65280 - 16000) // 2
    for window in windows:
        assert not window[:edge].any()
        assert window[edge : edge + 16000].all()
        assert not window[edge + 16000 :].any()


def test_sound_that_ends_early_is_padded(settings: ProcessingConfig) -> None:
    windows = sound_windows(np.ones(16000, np.float32), 40.0, 4, settings.audio)
    assert not windows[1:].any()


def test_the_last_frame_becomes_the_image_and_the_others_history(
    processor: Processor, coloured_frames: Frames
) -> None:
    example = processor(text="What happens?", video=coloured_frames)
    assert example.image is not None
    assert len(example.image_history) == 4
    assert example.history_keys == (None,) * 4
    brightness = [frame.patches[frame.mask].mean() for frame in example.image_history]
    assert brightness == sorted(brightness)
    assert example.image.patches[example.image.mask].mean() > brightness[-1]


def test_another_frame_can_become_the_image(processor: Processor, coloured_frames: Frames) -> None:
    first = processor(video=coloured_frames, video_frame=0)
    still = processor(image=coloured_frames[2])
    assert first.image is not None
    assert still.image is not None
    np.testing.assert_array_equal(first.image.patches, still.image.patches)


def test_the_sound_of_a_video_file_is_heard(processor: Processor, talking_film: Path) -> None:
    example = processor(text="What happens?", video=talking_film)
    heard = [*example.audio_history, example.audio]
    assert len(heard) == 5
    loudness = [part.mask.mean() for part in heard if part is not None]
    assert loudness[:2] == [0, 0]
    assert loudness[3:] == [1, 1]


def test_the_sound_of_a_video_file_can_be_left_out(
    processor: Processor, talking_film: Path
) -> None:
    assert processor(video=talking_film, video_sound=False).audio is None


def test_given_sound_replaces_that_of_the_video(processor: Processor, talking_film: Path) -> None:
    example = processor(video=talking_film, audio=np.ones(16000, np.float32))
    assert example.audio is not None
    assert not example.audio_history


def test_a_silent_film_has_no_sound(processor: Processor, silent_film: Path) -> None:
    pytest.importorskip("av")
    assert processor(video=silent_film).audio is None


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nowhere\.mp4: no such file"):
        read_video(tmp_path / "nowhere.mp4", 5)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"no film at all")
    with pytest.raises(InvalidInputError, match="not a video"):
        read_video(path, 5)


@pytest.mark.parametrize(
    ("video", "why"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"\(N, H, W, 3\)"),
        (np.zeros((2, 4, 4, 4), np.uint8), r"\(N, H, W, 3\)"),
        (np.zeros((0, 4, 4, 3), np.uint8), "no pixels"),
        (np.zeros((2, 4, 4, 3), np.float32), "uint8"),
        ([1], "list"),
    ],
)
def test_what_is_no_video_is_refused(video: Any, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        read_video(video, 5)


def test_video_beside_an_image_is_refused(processor: Processor, coloured_frames: Frames) -> None:
    with pytest.raises(InvalidInputError, match="either video or image"):
        processor(video=coloured_frames, image=coloured_frames[0])


def test_a_frame_that_is_not_there_is_refused(
    processor: Processor, coloured_frames: Frames
) -> None:
    with pytest.raises(InvalidInputError, match="not one of 2 frames"):
        processor(video=coloured_frames[:2], video_frame=2)
