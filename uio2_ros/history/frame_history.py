"""The newest picture and some older ones, clocked by the stamps of their messages. numpy only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType

import numpy as np
import numpy.typing as npt

from uio2_ros.history.memory import PixelMemory
from uio2_ros.tasks.instruction import Frame

Decode = Callable[[], npt.NDArray[np.uint8]]
"""Makes the (H, W, 3) RGB picture of a message. May return a view of the message: it is copied."""


class Offer(str, Enum):
    """What became of an offered frame."""

    ACCEPTED = "accepted"  # it is the newest now
    DUPLICATE = "duplicate"  # its stamp is that of the newest
    OUT_OF_ORDER = "out_of_order"  # older than the newest, by less than the reset tolerance


@dataclass(frozen=True)
class FrameHistorySettings:
    """Bounds and clock of a `FrameHistory`; ValueError for values that make no sense."""

    count: int = 8
    """Older frames kept, without the newest."""
    period_s: float = 1.0
    """Least time between two frames kept."""
    max_span_s: float = 60.0
    """Frames older than the newest by more are forgotten."""
    max_bytes: int = 256 * 2**20
    """Most memory for pixels: frames kept, pinned and spare buffers together."""
    reset_tolerance_s: float = 1.0
    """A stamp that is older than the newest by more clears the history (simulation reset)."""
    gap_s: float = 5.0
    """A longer silence between two frames is counted as a gap."""


@dataclass(frozen=True)
class FrameHistoryState:
    """What a `FrameHistory` holds and what it dropped since the last `clear`."""

    frames: int
    """Frames held, the newest included."""
    stamps_ns: tuple[int, ...]
    """Oldest first, the newest included."""
    span_s: float
    bytes: int
    drops: dict[str, int]
    """Frames not kept, by cause: not_due, duplicate, out_of_order, no_memory, and
    `invalid (<exception>)` for pictures that could not be decoded."""
    events: dict[str, int]
    """missing_stamp, clock_reset, format_change, gap."""
    last_error: str
    """The message of the last picture that could not be decoded; "" if there was none."""


class FrameSnapshot:
    """The frames of one moment, safe from being overwritten until `release` (or the `with` ends).

    Their pixels are read-only views of the history's memory: copy what must outlive the release.
    """

    newest: Frame | None
    older: tuple[Frame, ...]
    """Oldest first; all older than the newest frame of the history."""

    def release(self) -> None:
        """Lets the history reuse the memory. Any thread; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> FrameSnapshot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class FrameHistory:
    """The newest frame and `count` older ones at least `period_s` apart.

    Every method may be called from any thread. A frame that is followed by another before it was
    due is dropped without being decoded; the newest is decoded when a snapshot asks for it or when
    it is displaced and due, never twice, and never while the lock of the history is held: `offer`
    does not wait for a snapshot. In steady state no pixel memory is allocated.
    """

    def __init__(
        self,
        settings: FrameHistorySettings | None = None,
        *,
        memory: PixelMemory | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`memory` holds the pixels (default `HeapMemory()`; a `SharedArena` lets the inference
        process read them in place). `clock_ns` gives the arrival time that stands in for a missing
        stamp: the node's clock.
        """
        raise NotImplementedError

    def offer(self, stamp_ns: int, frame_id: str, decode: Decode) -> Offer:
        """Takes the frame of a message; `decode` is kept and called once, later or never.

        A stamp of 0 or less is missing and replaced by the arrival time. If the frame displaces
        one that is due for the history, that one is decoded here, on the caller's thread.
        """
        raise NotImplementedError

    def snapshot(self, *, newest: bool = True, older: int | None = None) -> FrameSnapshot:
        """The newest frame (decoded here if need be) and the last `older` ones (None: all), pinned.

        `snapshot(newest=False, older=1)` is the last frame kept, for encoding it in advance.
        Without frames, `newest` is None and `older` is empty. Raises InvalidInputError if the
        newest picture cannot be decoded, is not (H, W, 3) uint8, or has no room in `max_bytes`.
        """
        raise NotImplementedError

    def newest_stamp_ns(self) -> int | None:
        """The stamp of the newest frame, without decoding it; None if there is none."""
        raise NotImplementedError

    def state(self) -> FrameHistoryState:
        """What is held and what was dropped."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets all frames and counts. Snapshots stay valid until they are released."""
        raise NotImplementedError
