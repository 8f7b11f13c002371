"""The last seconds of sound, mono at one rate, clocked by the stamps of their messages. numpy and soxr."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt


class Push(str, Enum):
    """What became of a chunk of sound."""

    ACCEPTED = "accepted"
    EMPTY = "empty"  # no samples
    DUPLICATE = "duplicate"  # same stamp as the chunk before
    OUT_OF_ORDER = "out_of_order"  # all of it is older than what is held


@dataclass(frozen=True)
class AudioHistorySettings:
    """Bounds and clock of an `AudioHistory`; ValueError for values that make no sense."""

    seconds: float = 40.0
    """Sound kept."""
    rate: int = 16000
    """Hz of the samples kept."""
    max_bytes: int = 16 * 2**20
    """Most memory for samples; shortens what is kept if `seconds` needs more."""
    jitter_s: float = 0.05
    """Stamps may be off by this much before sound is taken as lost or doubled."""
    reset_tolerance_s: float = 1.0
    """A stamp older than the one before by more clears the history (simulation reset)."""
    quality: str = "HQ"
    """soxr's recipe: QQ, LQ, MQ, HQ or VHQ."""


@dataclass(frozen=True)
class AudioHistoryState:
    """What an `AudioHistory` holds and what it dropped since the last `clear`."""

    span_s: float
    end_ns: int | None
    """Stamp of the end of the newest sample; None when nothing is held."""
    bytes: int
    drops: dict[str, int]
    """Chunks not kept, by cause: empty, duplicate, out_of_order, invalid."""
    events: dict[str, int]
    """missing_stamp, clock_reset, format_change, gap, overlap."""
    last_error: str


class AudioHistory:
    """A ring of mono float32 sound at `settings.rate`. Every method may be called from any thread.

    Gaps of up to the length of the ring are silence, so that a place in the ring is a time;
    doubled sound is trimmed. The resampler holds back a few milliseconds of the newest sound.
    """

    def __init__(
        self,
        settings: AudioHistorySettings | None = None,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`clock_ns` gives the arrival time that stands in for a missing stamp: the node's clock."""
        raise NotImplementedError

    def push(self, stamp_ns: int, samples: npt.NDArray[Any], sample_rate: int) -> Push:
        """Appends sound whose first sample was captured at `stamp_ns`.

        samples: (n,) or (n, channels), int16, int32 or floating in [-1, 1], at `sample_rate` Hz;
        channels are averaged. A stamp of 0 or less is missing: the chunk then ends on arrival.
        Raises InvalidInputError (and counts it) for NaN or infinite samples, other shapes and
        types, and rates that are not positive.
        """
        raise NotImplementedError

    def window(self, end_ns: int | None, seconds: float) -> npt.NDArray[np.float32]:
        """A copy of the sound of the `seconds` before `end_ns` (None: the newest sample's end).

        Sound after `end_ns` is cut off; what is not held (not yet heard, or forgotten) is absent,
        so the result may be shorter than `seconds`, down to empty.
        """
        raise NotImplementedError

    def state(self) -> AudioHistoryState:
        """What is held and what was dropped."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets all sound and counts."""
        raise NotImplementedError
