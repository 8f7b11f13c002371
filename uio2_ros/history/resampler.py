"""Sample rate conversion of a stream, chunk by chunk. Imports soxr only if the rates differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]

QUALITIES = ("QQ", "LQ", "MQ", "HQ", "VHQ")
"""soxr's recipes, from the quickest to the best."""


class StreamResampler:
    """Mono sound from one rate to another without seams between chunks. One thread at a time."""

    def __init__(self, source_rate: int, rate: int, quality: str) -> None:
        """Rates in Hz; `quality` is one of `QUALITIES`."""
        self._stream: Any = None
        if source_rate != rate:
            import soxr

            self._stream = soxr.ResampleStream(
                source_rate, rate, num_channels=1, dtype="float32", quality=quality
            )

    def push(self, samples: Sound) -> Sound:
        """(n,) samples in, those that are ready out."""
        if self._stream is None:
            return samples
        out: Sound = self._stream.resample_chunk(samples)
        return out

    def finish(self) -> Sound:
        """The samples held back by the filter; the stream is over."""
        if self._stream is None:
            return np.zeros(0, dtype=np.float32)
        rest: Sound = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        return rest
