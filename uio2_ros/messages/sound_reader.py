"""The sound of a topic, message by message. Imports no rclpy.

Three families of messages are understood, see `SOUND_TYPES`. Two packages share the name
audio_common_msgs: that of ros-drivers (AudioData, AudioDataStamped) sends pieces of a stream of
bytes, whose format its AudioInfo tells, or else parameters do; that of mgonzs13 (AudioStamped)
sends typed samples with their rate and format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.media.mp3_stream import Mp3Stream, looks_like_mp3
from uio2_ros.messages.audio import (
    CHUNK_DTYPES,
    PcmFormat,
    Sound,
    chunk_to_sound,
    pcm_samples,
    stamped_to_sound,
)
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.time import NS_PER_S

INFO_TYPE = "audio_common_msgs/msg/AudioInfo"
INFO_TOPIC = "audio_info"
"""Beside the topic of the sound, in the same namespace."""

_TYPED: dict[str, Callable[[Any], Sound]] = {
    "uio2_ros/msg/AudioChunk": chunk_to_sound,
    "audio_common_msgs/msg/AudioStamped": stamped_to_sound,
}
_BYTES: dict[str, Callable[[Any], tuple[int, Any]]] = {
    "audio_common_msgs/msg/AudioData": lambda message: (0, message.data),
    "audio_common_msgs/msg/AudioDataStamped": lambda message: (
        nanoseconds_of(message.header.stamp),
        message.audio.data,
    ),
}
BYTE_TYPES: Sequence[str] = tuple(_BYTES)
"""Those that do not tell what their bytes are."""
SOUND_TYPES: Sequence[str] = (*_TYPED, *BYTE_TYPES)
"""The types a topic of sound may have, the usual one first."""

NOISY = 2.0
"""Samples read at the wrong byte jump many times as far as those of sound."""
_PCM, _MP3 = ("", "wave", "wav", "pcm", "raw"), "mp3"
ONE_STREAM_NS = NS_PER_S // 2
"""Between the end of one piece of MP3 and the stamp of the next; more was lost or is another."""
DRAWN = 16
"""One in so many of the difference, so that the clock of the sound is followed and no jitter is."""
_OTHERS = {b"OggS\0": "Ogg (Opus or Vorbis)", b"fLaC\0": "FLAC"}
"""By what stands in such a stream: in Ogg before every page, in FLAC at its begin."""


def info_topic_of(topic: str) -> str:
    """Where AudioInfo is told of a topic of sound."""
    return f"{topic.rpartition('/')[0]}/{INFO_TOPIC}"


class SoundReader:
    """Reads one topic. One thread."""

    def __init__(self, form: PcmFormat) -> None:
        """form: of bytes, until an AudioInfo tells."""
        self._default = form
        self.forget()

    def forget(self) -> None:
        """Another source may publish now: nothing is known of its bytes."""
        self._form = self._default
        self._mp3: Mp3Stream | None = None
        self._mp3_end_ns = 0
        self._refusal = ""
        self._is_told = False
        self._rest = b""
        """What the last message began of a sample and did not end."""

    def tell(self, info: Any) -> None:
        """Takes over what an AudioInfo says of the messages that follow."""
        coding = str(info.coding_format).strip().lower()
        encoding = str(info.sample_format).replace("_", "").upper() or self._form.encoding
        self._mp3, self._rest, self._refusal, self._is_told = None, b"", "", True
        self._mp3_end_ns = 0
        if coding == _MP3:
            self._mp3 = Mp3Stream()
        elif coding not in _PCM or encoding not in CHUNK_DTYPES:
            self._refusal = (
                f"AudioInfo says that the sound is {coding or encoding!r}; expected mp3, or wave "
                f"with {' or '.join(CHUNK_DTYPES)}"
            )
        else:
            rate_hz = int(info.sample_rate) or self._form.sample_rate
            self._form = PcmFormat(rate_hz, int(info.channels) or self._form.channels, encoding)

    def read(self, type_name: str, message: Any) -> Sound | None:
        """The sound of a message; None where it completes none.

        InvalidInputError for a message that contradicts itself, and for a format that is not
        understood.
        """
        if type_name in _TYPED:
            return _TYPED[type_name](message)
        stamp_ns, content = _BYTES[type_name](message)
        data = bytes(content)
        self._recognise(data)
        if self._refusal:
            raise InvalidInputError(self._refusal)
        return self._decoded(stamp_ns, data) if self._mp3 else self._plain(stamp_ns, data)

    def _recognise(self, data: bytes) -> None:
        """Whether bytes are compressed, whatever was told or not."""
        others = [name for mark, name in _OTHERS.items() if mark in data]
        if others:
            self._refusal = f"the sound is {others[0]}; publish it as wave or mp3"
        elif not self._is_told and self._mp3 is None and looks_like_mp3(data):
            self._mp3 = Mp3Stream()

    def _decoded(self, stamp_ns: int, data: bytes) -> Sound | None:
        """A frame is complete when the next begins, so the stamp is up to a frame late."""
        assert self._mp3 is not None
        samples, rate_hz = self._mp3.decode(data)
        if not samples.size:
            return None
        began_ns = self._steady(stamp_ns)
        self._mp3_end_ns = began_ns + len(samples) * NS_PER_S // rate_hz
        return Sound(began_ns, samples, rate_hz)

    def _steady(self, began_ns: int) -> int:
        """Where the last sound ended, drawn towards the stamp. A message has a frame more or less
        than the one before, and its stamp the jitter of its sender: taken as it is, both would cut
        holes into the sound and halve its level."""
        late_ns = began_ns - self._mp3_end_ns
        if not began_ns or not self._mp3_end_ns or abs(late_ns) > ONE_STREAM_NS:
            return began_ns
        return self._mp3_end_ns + late_ns // DRAWN

    def _plain(self, stamp_ns: int, data: bytes) -> Sound | None:
        """A message goes on with the sample that the last one began, unless that makes noise of
        it: so a lost or shortened message spoils no other."""
        samples, rest = self._cut(data)
        if self._rest:
            continued, rest_of_it = self._cut(self._rest + data)
            if len(samples) < 2 or _roughness(continued) <= NOISY * _roughness(samples):
                samples, rest = continued, rest_of_it
        self._rest = rest
        return Sound(stamp_ns, samples, self._form.sample_rate) if samples.size else None

    def _cut(self, data: bytes) -> tuple[npt.NDArray[Any], bytes]:
        """Whole samples (n, channels), and the bytes after the last."""
        frame = np.dtype(CHUNK_DTYPES[self._form.encoding]).itemsize * self._form.channels
        whole = len(data) - len(data) % frame
        return pcm_samples(data[:whole], self._form), data[whole:]


def _roughness(samples: npt.NDArray[Any]) -> float:
    """How far apart neighbouring samples are; bytes read at the wrong place are noise."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.abs(np.diff(samples.astype(np.float64), axis=0)).mean()
    return float(steps) if np.isfinite(steps) else np.inf
