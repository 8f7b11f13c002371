"""Sound of every message family becomes samples, and what contradicts itself is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from uio2_ros.messages.audio import PcmFormat, Sound
from uio2_ros.messages.sound_reader import SoundReader
from uio2_ros.robot.errors import InvalidInputError

STAMP = SimpleNamespace(stamp=SimpleNamespace(sec=3, nanosec=5))
STAMP_NS = 3_000_000_005
FORMAT = PcmFormat(48000, 2, "S16LE")
STEREO = np.array([[1, -1], [32767, -32768]], "<i2")


def read(kind: str, message: Any) -> Sound:
    sound = SoundReader(FORMAT).read(kind, message)
    assert sound is not None
    return sound


def chunk(**changes: Any) -> SimpleNamespace:
    fields = {
        "header": STAMP,
        "sample_rate": 44100,
        "channels": 2,
        "encoding": "S16LE",
        "data": STEREO.tobytes(),
    }
    return SimpleNamespace(**{**fields, **changes})


def test_chunk_of_integers() -> None:
    sound = read("uio2_ros/msg/AudioChunk", chunk())
    assert (sound.stamp_ns, sound.sample_rate) == (STAMP_NS, 44100)
    np.testing.assert_array_equal(sound.samples, STEREO)


def test_chunk_of_floats() -> None:
    samples = np.array([0.5, -0.25], "<f4")
    message = chunk(channels=1, encoding="F32LE", data=samples.tobytes())
    np.testing.assert_array_equal(
        read("uio2_ros/msg/AudioChunk", message).samples, samples[:, np.newaxis]
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"encoding": "MP3"}, "encoding 'MP3'; expected S16LE or F32LE"),
        ({"channels": 0}, "0 channels"),
        ({"data": bytes(7)}, "7 bytes, no multiple of the 4"),
    ],
)
def test_chunk_that_contradicts_itself(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        read("uio2_ros/msg/AudioChunk", chunk(**changes))


def test_bare_bytes_have_the_format_of_the_parameters() -> None:
    bare = read("audio_common_msgs/msg/AudioData", SimpleNamespace(data=STEREO.tobytes()))
    assert (bare.stamp_ns, bare.sample_rate) == (0, 48000)
    np.testing.assert_array_equal(bare.samples, STEREO)
    stamped = SimpleNamespace(header=STAMP, audio=SimpleNamespace(data=STEREO.tobytes()))
    assert read("audio_common_msgs/msg/AudioDataStamped", stamped).stamp_ns == STAMP_NS


def stamped(form: int, channels: int = 2, **data: list[float]) -> SimpleNamespace:
    info = SimpleNamespace(format=form, channels=channels, rate=22050)
    return SimpleNamespace(
        header=STAMP, audio=SimpleNamespace(info=info, audio_data=SimpleNamespace(**data))
    )


def test_typed_samples_are_found_by_their_format() -> None:
    message = stamped(8, int16_data=[1, -1, 32767, -32768], float32_data=[])
    sound = read("audio_common_msgs/msg/AudioStamped", message)
    assert (sound.stamp_ns, sound.sample_rate, sound.samples.dtype) == (STAMP_NS, 22050, np.int16)
    np.testing.assert_array_equal(sound.samples, STEREO)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (stamped(4), "format 4"),
        (stamped(8, channels=0, int16_data=[]), "0 channels"),
        (stamped(8, int16_data=[1, 2, 3]), "3 samples, no multiple of its 2 channels"),
    ],
)
def test_typed_samples_that_contradict_themselves(message: Any, text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        read("audio_common_msgs/msg/AudioStamped", message)
