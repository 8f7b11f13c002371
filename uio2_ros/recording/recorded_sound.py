"""The sound of a recording, mono, by the time it was received."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.data.shards import DataSetError
from uio2_ros.history.mono import to_mono
from uio2_ros.messages.audio import PcmFormat
from uio2_ros.messages.sound_reader import SoundReader
from uio2_ros.recording.recorded import Recorded
from uio2_ros.robot.errors import InvalidInputError


@dataclass
class RecordedSound:
    """Sound in the order it came, mono."""

    rate_hz: int = 0
    chunks: list[npt.NDArray[np.float32]] = field(default_factory=list)
    ends_ns: list[int] = field(default_factory=list)

    _reader: SoundReader = field(default_factory=lambda: SoundReader(PcmFormat()))

    def tell(self, info: Any) -> None:
        """Takes over what an AudioInfo says of the messages that follow."""
        self._reader.tell(info)

    def add(self, path: Path, message: Recorded, decoded: Any) -> None:
        """Add a message. DataSetError for one that is broken or of another rate."""
        try:
            sound = self._reader.read(message.topic.type_name, decoded)
            mono = None if sound is None else to_mono(sound.samples)
        except InvalidInputError as problem:
            raise DataSetError(f"{path}, {message.topic.name}: {problem}") from problem
        if sound is None or mono is None:
            return
        if self.rate_hz not in (0, sound.sample_rate):
            raise DataSetError(
                f"{path}, {message.topic.name}: the rate changes from {self.rate_hz} to "
                f"{sound.sample_rate} Hz; cut the recording there"
            )
        self.rate_hz = sound.sample_rate
        self.chunks.append(mono)
        self.ends_ns.append(message.time_ns)

    def until(self, now_ns: int, seconds: float) -> npt.NDArray[np.float32] | None:
        """The last seconds of what had come by then; None before anything came."""
        count = int(np.searchsorted(self.ends_ns, now_ns, side="right"))
        wanted = round(seconds * self.rate_hz)
        first, length = count, 0
        while first and length < wanted:
            first -= 1
            length += len(self.chunks[first])
        if not length:
            return None
        return np.concatenate(self.chunks[first:count])[-wanted:]
