"""Sound that comes as pieces of a stream, and what tells its format."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from uio2_ros.history.audio_history import AudioHistory
from uio2_ros.media.mp3_stream import looks_like_mp3
from uio2_ros.messages.audio import PcmFormat
from uio2_ros.messages.sound_reader import SoundReader, info_topic_of
from uio2_ros.robot.errors import InvalidInputError

DATA, STAMPED = "audio_common_msgs/msg/AudioData", "audio_common_msgs/msg/AudioDataStamped"
RATE_HZ = 16000


def tone(channels: int = 1, seconds: float = 1.0) -> npt.NDArray[np.int16]:
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([np.round(wave * 32767).astype("<i2")] * channels, axis=1)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(reader: SoundReader, parts: list[bytes]) -> npt.NDArray[Any]:
    found = [reader.read(DATA, SimpleNamespace(data=part)) for part in parts]
    return np.concatenate([sound.samples for sound in found if sound is not None])


def info(**told: Any) -> SimpleNamespace:
    usual = {"channels": 0, "sample_rate": 0, "sample_format": "", "coding_format": ""}
    return SimpleNamespace(**{**usual, **told})


def mp3() -> bytes:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds=2.0).T.copy(), "s16p", "mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        resampler = av.AudioResampler("fltp", "mono", RATE_HZ, frame_size=576)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


def without_tag(data: bytes) -> bytes:
    """The frames alone, as audio_capture sends them."""
    size = sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    return data[10 + size :]


def loudest_hz(samples: npt.NDArray[Any]) -> float:
    heard = samples[-RATE_HZ:, 0].astype(float)
    return float(np.abs(np.fft.rfft(heard * np.hanning(len(heard)))).argmax())


@pytest.mark.parametrize("size", [1601, 3, 7777])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_that_is_cut_anywhere_is_the_same_sound(size: int, channels: int) -> None:
    whole = tone(channels)
    heard = read(SoundReader(PcmFormat(RATE_HZ, channels)), pieces(whole.tobytes(), size))
    np.testing.assert_array_equal(heard, whole)


def test_a_message_that_was_cut_spoils_no_other() -> None:
    parts = pieces(tone().tobytes(), 1600)
    parts[3] = parts[3][:-1]
    heard = read(SoundReader(PcmFormat(RATE_HZ)), parts)
    expected = np.delete(tone(), 4 * 800 - 1, axis=0)
    np.testing.assert_array_equal(heard, expected)


def test_a_message_that_was_lost_spoils_no_other() -> None:
    parts = pieces(tone().tobytes(), 1601)
    kept = parts[:3] + parts[4:]
    heard = read(SoundReader(PcmFormat(RATE_HZ)), kept)
    assert loudest_hz(heard[-8000:]) == pytest.approx(220, abs=2)  # half a second: bins of 2 Hz
    steps = np.abs(np.diff(heard[:, 0].astype(int)))
    assert (steps > 4000).sum() <= 1, "at most where the message is missing"


def test_audio_info_tells_what_the_bytes_are() -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(channels=2, sample_rate=44100, sample_format="F32LE", coding_format="wave"))
    samples = np.array([[0.5, -0.5], [0.25, 0.0]], "<f4")
    sound = reader.read(DATA, SimpleNamespace(data=samples.tobytes()))
    assert sound is not None
    assert sound.sample_rate == 44100
    np.testing.assert_array_equal(sound.samples, samples)
    reader.tell(info(sample_format="S16_LE"))
    sound = reader.read(DATA, SimpleNamespace(data=bytes(8)))
    assert sound is not None
    assert sound.samples.shape == (2, 2), "what it leaves open stays"


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"coding_format": "opus"}, "'opus'; expected mp3, or wave"),
        ({"coding_format": "wave", "sample_format": "S24LE"}, "S16LE or F32LE"),
    ],
)
def test_what_is_not_decoded_is_refused_by_name(told: dict[str, str], named: str) -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(**told))
    with pytest.raises(InvalidInputError, match=named):
        reader.read(DATA, SimpleNamespace(data=bytes(100)))


@pytest.mark.parametrize("begin", [b"OggS\0", b"fLaC\0", bytes(32) + b"OggS\0"])
def test_other_compressed_streams_are_known_by_their_marks(begin: bytes) -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    for data in (begin + bytes(60), bytes(64)):
        with pytest.raises(InvalidInputError, match=r"the sound is .*; publish it as wave or mp3"):
            reader.read(DATA, SimpleNamespace(data=data))


def test_what_is_told_to_be_mp3_and_has_no_frame_is_refused() -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(coding_format="mp3"))
    with pytest.raises(InvalidInputError, match="no frame in"):
        read(reader, [bytes(1000)] * 100)
    with pytest.raises(InvalidInputError, match=r"Ogg \(Opus or Vorbis\)"):
        read(reader, [b"OggS" + bytes(60)])


def test_what_was_told_is_forgotten_with_its_source() -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(coding_format="opus"))
    reader.forget()
    np.testing.assert_array_equal(read(reader, [tone().tobytes()]), tone())


@pytest.mark.parametrize("size", [576, 417, 50])
def test_mp3_that_is_told_is_decoded_however_it_is_cut(size: int) -> None:
    reader = SoundReader(PcmFormat(48000))
    reader.tell(info(coding_format="MP3", sample_rate=RATE_HZ, channels=1))
    heard = read(reader, pieces(mp3(), size))
    assert len(heard) / RATE_HZ == pytest.approx(2.0, abs=0.15)
    assert loudest_hz(heard[: round(1.8 * RATE_HZ)]) == 440
    assert np.sqrt((heard[8000:24000] ** 2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_mp3_that_is_not_told_is_recognised() -> None:
    data = without_tag(mp3())
    frame = data[:288]  # 64 kbit/s at 16 kHz
    assert looks_like_mp3(mp3()[:100])
    frames = pieces(data, len(frame))
    if not looks_like_mp3(frame):  # other bit rates have other lengths
        frames = pieces(data, next(n for n in range(24, 1500) if looks_like_mp3(data[:n])))
    heard = read(SoundReader(PcmFormat(48000)), frames)
    assert loudest_hz(heard[: round(1.8 * RATE_HZ)]) == 440


def test_samples_are_not_taken_for_mp3() -> None:
    rng = np.random.default_rng(3)
    for data in (bytes(1000), tone().tobytes(), *(rng.bytes(417) for _ in range(1000))):
        assert not looks_like_mp3(data)


def test_what_is_told_to_be_mp3_and_is_not_is_refused() -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(coding_format="mp3"))
    noise = np.random.default_rng(1).bytes(20_000).replace(b"\xff", b"\xff\xfb\x90\x64")
    with pytest.raises(InvalidInputError, match="no MP3"):
        read(reader, [*pieces(noise * 20, 1000), b""])


def test_sound_of_mp3_has_the_stamp_of_its_message() -> None:
    reader = SoundReader(PcmFormat(RATE_HZ))
    reader.tell(info(coding_format="mp3"))
    stamps = []
    for number, part in enumerate(pieces(mp3(), 576), 1):
        stamp = SimpleNamespace(sec=number, nanosec=0)
        message = SimpleNamespace(
            header=SimpleNamespace(stamp=stamp), audio=SimpleNamespace(data=part)
        )
        sound = reader.read(STAMPED, message)
        if sound is not None:
            stamps.append((number, sound.stamp_ns // 10**9))
    assert all(told in (number - 1, number) for number, told in stamps)
    assert len(stamps) > 10


@pytest.mark.parametrize("size", [576, 417, 2000])
def test_jitter_of_stamps_leaves_no_holes_in_mp3(size: int) -> None:
    """As the agent hears it: placed in a history by the stamps."""
    rng, began_ns = np.random.default_rng(4), 10**18
    data, seconds = without_tag(mp3()), 2.0
    reader, history = SoundReader(PcmFormat(RATE_HZ)), AudioHistory(clock_ns=lambda: 10**19)
    reader.tell(info(coding_format="mp3"))
    for at in range(0, len(data), size):
        late_s = seconds * at / len(data) + rng.uniform(-0.1, 0.1)
        part = SimpleNamespace(data=data[at : at + size])
        stamp = SimpleNamespace(sec=0, nanosec=began_ns + round(late_s * 1e9))
        message = SimpleNamespace(header=SimpleNamespace(stamp=stamp), audio=part)
        if (sound := reader.read(STAMPED, message)) is not None:
            history.push(sound.stamp_ns, sound.samples, sound.sample_rate)
    heard = history.window(None, 1.5)
    assert history.state().events.get("gap", 0) == 0
    tenths = heard[: 14 * RATE_HZ // 10].reshape(14, -1)
    levels = np.sqrt((tenths**2).mean(axis=1))
    assert levels == pytest.approx([0.3 / np.sqrt(2)] * 14, rel=0.1)  # as the encoder keeps it


@pytest.mark.parametrize(
    ("topic", "expected"),
    [("/cam/audio", "/cam/audio_info"), ("/audio", "/audio_info"), ("audio", "/audio_info")],
)
def test_audio_info_is_beside_the_sound(topic: str, expected: str) -> None:
    assert info_topic_of(topic) == expected
