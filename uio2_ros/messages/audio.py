"""Sound of ROS messages as sample arrays and back. Imports no rclpy.

`sound_reader` reads a topic with them.
"""

from __future__ import annotations

import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uio2_ros.messages.byte_array import byte_array
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.settings import setting

if TYPE_CHECKING:
    from std_msgs.msg import Header

    from uio2_ros.msg import AudioChunk

ANSWER_RATE_HZ = 16000
"""Of the sound in an `Answer`."""
SAMPLE_RATES_HZ = range(1000, 768_001)
"""Outside of these a sound would span minutes or nothing, and so would what follows it."""
CHUNK_DTYPES = {"S16LE": "<i2", "F32LE": "<f4"}
"""Encodings of AudioChunk and of the `audio_encoding` parameter."""


@dataclass(frozen=True)
class PcmFormat:
    """What bare PCM bytes are; the format of messages that do not say it themselves."""

    sample_rate: int = setting(
        16000,
        "Hz of sound messages that do not tell (AudioData)",
        low=SAMPLE_RATES_HZ.start,
        high=SAMPLE_RATES_HZ.stop - 1,
        name="rate",
    )
    channels: int = setting(1, "channels of sound messages that do not tell", low=1, high=64)
    encoding: str = setting(
        "S16LE", "encoding of sound messages that do not tell", choices=tuple(CHUNK_DTYPES)
    )


@dataclass(frozen=True)
class Sound:
    """Samples (n, channels), integer or floating, and the capture time of the first; 0: unknown.

    InvalidInputError for a rate that no microphone has.
    """

    stamp_ns: int
    samples: npt.NDArray[Any]
    sample_rate: int  # Hz

    def __post_init__(self) -> None:
        if self.sample_rate not in SAMPLE_RATES_HZ:
            raise InvalidInputError(
                f"the sample rate is {self.sample_rate} Hz; expected {SAMPLE_RATES_HZ.start} to "
                f"{SAMPLE_RATES_HZ.stop - 1}"
            )


def chunk_to_sound(message: Any) -> Sound:
    """The sound of a uio2_ros/AudioChunk; InvalidInputError if its fields contradict each other."""
    form = PcmFormat(message.sample_rate, message.channels, message.encoding)
    return Sound(
        nanoseconds_of(message.header.stamp), pcm_samples(message.data, form), form.sample_rate
    )


def answer_sound_of(message: Any) -> npt.NDArray[np.float32]:
    """The samples (n,) of an AudioChunk of an answer; InvalidInputError for other formats."""
    if message.encoding != "F32LE" or message.channels != 1:
        raise InvalidInputError(
            f"sound of the answer is {message.encoding!r} in {message.channels} channels; expected "
            "F32LE in one. Is the agent newer than this client?"
        )
    return chunk_to_sound(message).samples[:, 0]


def chunk_message(data: array.array[int], form: PcmFormat, header: Header) -> AudioChunk:
    """Bytes of interleaved little-endian PCM; `chunk_to_sound` reads them."""
    from uio2_ros.msg import AudioChunk

    return AudioChunk(
        header=header,
        sample_rate=form.sample_rate,
        channels=form.channels,
        encoding=form.encoding,
        data=data,
    )


def audio_message(
    samples: npt.NDArray[np.float32], header: Header, rate_hz: int = ANSWER_RATE_HZ
) -> AudioChunk:
    """Mono sound (n,)."""
    return chunk_message(byte_array(samples.astype("<f4")), PcmFormat(rate_hz, 1, "F32LE"), header)


def stamped_to_sound(message: Any) -> Sound:
    """The sound of an audio_common_msgs/AudioStamped (the one with an `audio.info`)."""
    info = message.audio.info
    field = STAMPED_FIELDS.get(info.format)
    if field is None or info.channels < 1:
        raise InvalidInputError(
            f"AudioStamped has format {info.format} and {info.channels} channels; expected one of "
            f"{sorted(STAMPED_FIELDS)} (PortAudio's numbers) and at least 1 channel"
        )
    values = np.asarray(getattr(message.audio.audio_data, field))
    if values.size % info.channels:
        raise InvalidInputError(
            f"AudioStamped has {values.size} samples, no multiple of its {info.channels} channels"
        )
    typed = values.astype(field.removesuffix("_data"), copy=False)
    return Sound(nanoseconds_of(message.header.stamp), typed.reshape(-1, info.channels), info.rate)


def pcm_samples(data: Any, form: PcmFormat) -> npt.NDArray[Any]:
    """Interleaved little-endian PCM as (n, channels); InvalidInputError if it does not divide."""
    dtype = CHUNK_DTYPES.get(form.encoding)
    if dtype is None:
        raise InvalidInputError(
            f"sound has encoding {form.encoding!r}; expected {' or '.join(CHUNK_DTYPES)}"
        )
    if form.channels < 1:
        raise InvalidInputError("sound has 0 channels; expected at least 1")
    content = np.frombuffer(data, np.uint8)
    frame_bytes = np.dtype(dtype).itemsize * form.channels
    if content.size % frame_bytes:
        raise InvalidInputError(
            f"sound has {content.size} bytes, no multiple of the {frame_bytes} that a sample of "
            f"{form.channels} channels of {form.encoding} takes: truncated?"
        )
    return content.view(dtype).reshape(-1, form.channels)


STAMPED_FIELDS = {
    1: "float32_data",
    2: "int32_data",
    8: "int16_data",
    16: "int8_data",
    32: "uint8_data",
}
"""Which field of audio_common_msgs/AudioStamped holds the samples, by PortAudio's format number."""
