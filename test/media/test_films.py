"""Films by the times of their pictures, and their sound by the same clock."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")
import av

from uio2_ros.media.films import open_film
from uio2_ros.media.sounds import read_sound_track
from uio2_ros.robot.errors import InvalidInputError

CASES = Path(__file__).parent / "cases"
MS = Fraction(1, 1000)
RATE_HZ = 16000


def grey(time_s: float) -> np.ndarray:
    """Says the time: 20 levels a second."""
    return np.full((48, 64, 3), 10 + round(20 * time_s), np.uint8)


def time_of(pixels: np.ndarray) -> float:
    return (float(pixels.mean()) - 10) / 20


def film(
    path: Path,
    times_s: Sequence[float],
    *,
    sound: Sequence[tuple[float, float]] = (),
    rotation: int = 0,
) -> Path:
    """Pictures that say their times; a tone in each stretch of sound (begin, end)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"crf": "5", "g": "5"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = MS
        if rotation:
            video.set_display_rotation(rotation)
        audio = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") if sound else None
        for time_s in times_s:
            frame = av.VideoFrame.from_ndarray(grey(time_s), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), MS
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for begin_s, end_s in sound:
            wave = np.sin(np.arange(round((end_s - begin_s) * RATE_HZ)) * 0.2) * 20000
            part = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
            part.sample_rate, part.pts = RATE_HZ, round(begin_s * RATE_HZ)
            part.time_base = Fraction(1, RATE_HZ)
            assert audio is not None
            container.mux(audio.encode(part))
    return path


def test_a_picture_is_shown_until_the_next_one_is(tmp_path: Path) -> None:
    paused = [0, 0.1, 0.2, 3.0, 3.1, 3.2, 3.3]
    with open_film(film(tmp_path / "a.mp4", paused)) as opened:
        assert [shown.time_s for shown in opened.from_()] == pytest.approx(paused)
        for wanted, seen in ((0.05, 0.0), (0.2, 0.2), (1.7, 0.2), (2.99, 0.2), (3.15, 3.1)):
            assert time_of(opened.at(wanted).pixels()) == pytest.approx(seen, abs=0.06)
        assert opened.duration_s() == pytest.approx(3.33, abs=0.08)


def test_a_pause_is_a_pause_of_the_sound_too(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [0.5, 1.0, 3.0], sound=[(0.0, 1.0), (3.0, 3.5)])
    with open_film(path) as opened:
        track = read_sound_track(path, opened.starts_s)
    assert track is not None
    loud = np.abs(track.samples[:, 0]) > 0.1
    seconds = np.flatnonzero(loud) / track.rate_hz
    assert len(track.samples) / track.rate_hz == pytest.approx(3.0, abs=0.03)
    assert seconds[seconds < 1.5].max() == pytest.approx(0.5, abs=0.03)
    assert seconds[seconds > 1.5].min() == pytest.approx(2.5, abs=0.03)


def test_a_phones_film_has_pictures_and_sound_of_one_moment() -> None:
    """Recorded with a pause: its pictures are at no constant rate."""
    with open_film(CASES / "paused.mp4") as opened:
        times = [shown.time_s for shown in opened.from_()]
        assert max(np.diff(times)) > 1
        for time_s in (2.0, 5.0, 8.0):
            shown = opened.at(time_s)
            assert shown.time_s <= time_s < next(t for t in [*times, 99] if t > shown.time_s)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_film_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"crf": "5"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if not hasattr(video, "set_display_rotation"):
            pytest.skip("this PyAV writes no rotation")
        video.set_display_rotation(rotation)
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:24, :32] = 250
        container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
    with open_film(path) as opened:
        ours = opened.at(0.0).pixels("bgr24")
    read, theirs = cv2.VideoCapture(str(path)).read()
    assert read
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 5


def test_av1_is_read() -> None:
    with open_film(CASES / "av1.mp4") as opened:
        assert opened.duration_s() == pytest.approx(10.0)
        assert opened.at(9.9).time_s == pytest.approx(9.88)


def test_a_film_that_was_cut_is_an_error_where_its_pictures_end() -> None:
    with open_film(CASES / "faststart_cut.mp4") as opened:
        assert opened.at(3.0).time_s == pytest.approx(3.0)
        with pytest.raises(InvalidInputError, match=r"faststart_cut\.mp4 .*cut short"):
            opened.at(9.0)


def test_a_film_without_a_length_is_measured(tmp_path: Path) -> None:
    """As browsers record them."""
    path = tmp_path / "a.mkv"
    film(tmp_path / "b.mkv", [0, 0.1, 0.2, 0.9])
    with (
        av.open(str(tmp_path / "b.mkv")) as source,
        av.open(str(path), "w", format="matroska", options={"live": "1"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None:
                packet.stream = stream
                copy.mux(packet)
    with av.open(str(path)) as copied:
        assert copied.duration is None
    with open_film(path) as opened:
        assert opened.duration_s() == pytest.approx(0.94, abs=0.06)
        assert opened.at(0.5).time_s == pytest.approx(0.2)


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film at all")
    with pytest.raises(InvalidInputError, match="not a video"), open_film(tmp_path / "a.mp4"):
        pass
    with pytest.raises(InvalidInputError, match="no such file"), open_film(tmp_path / "b.mp4"):
        pass
