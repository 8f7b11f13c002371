"""The newest picture and some older ones, clocked by the stamps of their messages. numpy only."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from uio2_ros.history.memory import Bytes, HeapMemory, PixelMemory
from uio2_ros.history.slot_pool import SlotPool
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.observation import Frame
from uio2_ros.robot.time import to_ns, to_s
from uio2_ros.settings import setting

MIB = 2**20

_KEYS = itertools.count(1)  # of all histories, so that one model can serve several

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

    count: int = setting(8, "older pictures kept, without the newest", high=1000)
    period_s: float = setting(1.0, "least seconds between two pictures kept", name="period")
    max_span_s: float = setting(
        60.0,
        "seconds before the newest from which pictures are forgotten",
        low=0.001,
        name="seconds",
    )
    max_bytes: int = setting(
        256 * MIB,
        "most MiB of pixels: pictures kept, in use and spare buffers together",
        low=1,
        high=65536,
        name="megabytes",
        unit=MIB,
    )
    spare: int = 0
    """Buffers beyond `count` that are made ready, one with each picture, before snapshots that are
    held for long need them; still more are freed after use. 0 makes none ready and keeps all."""
    reset_tolerance_s: float = 1.0
    """A stamp that is older than the newest by more clears the history (simulation reset)."""
    gap_s: float = 5.0
    """A longer silence between two frames is counted as a gap."""

    def __post_init__(self) -> None:
        for name in ("count", "period_s", "spare", "reset_tolerance_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of a frame history is {getattr(self, name)}; give >= 0")
        for name in ("max_span_s", "max_bytes", "gap_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of a frame history is {getattr(self, name)}; give > 0")


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
    """The message of the last picture that could not be kept; "" if there was none."""


class _RememberedFrame:
    """An offered frame: not decoded yet (`decode`), decoded (`frame`) or invalid (`error`).

    `decoding` guards the step between these; `holders` (the history, snapshots, the decoding
    thread) is guarded by the history's lock, and the buffer is reused when it drops to 0.
    """

    __slots__ = (
        "buffer",
        "decode",
        "decoding",
        "error",
        "frame",
        "frame_id",
        "holders",
        "key",
        "stamp_ns",
    )

    def __init__(self, stamp_ns: int, frame_id: str, key: int, decode: Decode) -> None:
        self.stamp_ns = stamp_ns
        self.frame_id = frame_id
        self.key = key
        self.decode: Decode | None = decode
        self.decoding = threading.Lock()
        self.frame: Frame | None = None
        self.buffer: Bytes | None = None
        self.error: Exception | None = None
        self.holders = 1

    def __str__(self) -> str:
        return f"the picture of {self.frame_id or 'an unnamed frame'} at {self.stamp_ns} ns"


class FrameSnapshot:
    """The frames of one moment, safe from being overwritten until `release` (or the `with` ends).

    Their pixels are read-only views of the history's memory: copy what must outlive the release.
    """

    def __init__(
        self, newest: Frame | None, older: tuple[Frame, ...], release: Callable[[], None]
    ) -> None:
        self.newest = newest
        self.older = older
        """Oldest first; all older than the newest frame of the history."""
        self._release = release

    def release(self) -> None:
        """Lets the history reuse the memory. Any thread; a second call does nothing."""
        self._release()

    def __enter__(self) -> FrameSnapshot:
        return self

    def __exit__(self, *_: object) -> None:
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
        self.settings = settings or FrameHistorySettings()
        self._clock_ns = clock_ns
        self._period_ns = to_ns(self.settings.period_s)
        self._max_span_ns = to_ns(self.settings.max_span_s)
        self._reset_ns = to_ns(self.settings.reset_tolerance_s)
        self._gap_ns = to_ns(self.settings.gap_s)
        self._lock = threading.Lock()  # guards everything below, and `holders` of every frame
        keep = self.settings.count + self.settings.spare if self.settings.spare else None
        self._pool = SlotPool(memory or HeapMemory(), self.settings.max_bytes, keep)
        self._newest: _RememberedFrame | None = None
        self._older: deque[_RememberedFrame] = deque()
        self._shape: tuple[int, ...] | None = None
        self._drops: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._last_error = ""

    def offer(self, stamp_ns: int, frame_id: str, decode: Decode) -> Offer:
        """Takes the frame of a message; `decode` is kept and called once, later or never.

        A stamp of 0 or less is missing and replaced by the arrival time. If the frame displaces
        one that is due for the history, that one is decoded here, on the caller's thread.
        """
        with self._lock:
            stamp_ns = self._given_or_arrival(stamp_ns)
            verdict = self._judge(stamp_ns)
            if verdict is not Offer.ACCEPTED:
                self._drops[verdict.value] += 1
                return verdict
            displaced = self._newest
            self._newest = _RememberedFrame(stamp_ns, frame_id, next(_KEYS), decode)
            self._forget_older_than(stamp_ns - self._max_span_ns)
            due = displaced is not None and self._keep_if_due(displaced)
        if displaced is not None and due:
            self._decode(displaced, wait=False)
            with self._lock:
                self._let_go(displaced)
        return Offer.ACCEPTED

    def snapshot(self, *, newest: bool = True, older: int | None = None) -> FrameSnapshot:
        """The newest frame (decoded here if need be) and the last `older` ones (None: all), pinned.

        `snapshot(newest=False, older=1)` is the last frame kept, for encoding it in advance.
        Without frames, `newest` is None and `older` is empty. Raises InvalidInputError if the
        newest picture cannot be decoded, is not (H, W, 3) uint8, or has no room in `max_bytes`.
        """
        pinned: list[_RememberedFrame] = []
        try:
            head = self._pin_newest(pinned) if newest else None
            if head is not None:
                self._decode(head)
                if head.error is not None:
                    raise InvalidInputError(f"{head} cannot be used: {head.error}") from head.error
            tail = self._pin_older(pinned, older, head)
            for held in tail:
                self._decode(held)
        except BaseException:
            self._unpin(pinned)
            raise
        return FrameSnapshot(
            head.frame if head is not None else None,
            tuple(held.frame for held in tail if held.frame is not None),
            lambda: self._unpin(pinned),
        )

    def newest_stamp_ns(self) -> int | None:
        """The stamp of the newest frame, without decoding it; None if there is none."""
        with self._lock:
            return self._newest.stamp_ns if self._newest is not None else None

    def state(self) -> FrameHistoryState:
        """What is held and what was dropped."""
        with self._lock:
            stamps = tuple(held.stamp_ns for held in self._all())
            return FrameHistoryState(
                frames=len(stamps),
                stamps_ns=stamps,
                span_s=to_s(stamps[-1] - stamps[0]) if stamps else 0.0,
                bytes=self._pool.total_bytes,
                drops=dict(self._drops),
                events=dict(self._events),
                last_error=self._last_error,
            )

    def clear(self) -> None:
        """Forgets all frames and counts. Snapshots stay valid until they are released."""
        with self._lock:
            self._forget_frames()
            self._drops.clear()
            self._events.clear()
            self._last_error = ""

    # Admission; the lock is held.

    def _given_or_arrival(self, stamp_ns: int) -> int:
        if stamp_ns > 0:
            return stamp_ns
        self._events["missing_stamp"] += 1
        return self._clock_ns()

    def _judge(self, stamp_ns: int) -> Offer:
        if self._newest is None:
            return Offer.ACCEPTED
        ahead_ns = stamp_ns - self._newest.stamp_ns
        if ahead_ns < -self._reset_ns:
            self._events["clock_reset"] += 1
            self._forget_frames()
            return Offer.ACCEPTED
        if ahead_ns > self._gap_ns:
            self._events["gap"] += 1
        if ahead_ns == 0:
            return Offer.DUPLICATE
        return Offer.ACCEPTED if ahead_ns > 0 else Offer.OUT_OF_ORDER

    def _keep_if_due(self, held: _RememberedFrame) -> bool:
        """Moves a displaced frame to the older ones if it is due, with a holder to decode it."""
        due = held.error is None and self._is_due(held)
        if due:
            self._older.append(held)
            held.holders += 1
            if len(self._older) > self.settings.count:
                self._let_go(self._older.popleft())
        else:
            if held.error is None:
                self._drops["not_due"] += 1
            self._let_go(held)
        return due

    def _is_due(self, held: _RememberedFrame) -> bool:
        assert self._newest is not None
        if not self.settings.count or self._newest.stamp_ns - held.stamp_ns > self._max_span_ns:
            return False
        return not self._older or held.stamp_ns - self._older[-1].stamp_ns >= self._period_ns

    def _forget_older_than(self, stamp_ns: int) -> None:
        while self._older and self._older[0].stamp_ns < stamp_ns:
            self._let_go(self._older.popleft())

    def _forget_frames(self) -> None:
        for held in self._all():
            self._let_go(held)
        self._newest = None
        self._older.clear()
        self._shape = None
        self._pool.drain()

    def _all(self) -> Iterator[_RememberedFrame]:
        yield from self._older
        if self._newest is not None:
            yield self._newest

    def _let_go(self, held: _RememberedFrame) -> None:
        held.holders -= 1
        if held.holders == 0 and held.buffer is not None:
            self._pool.give_back(held.buffer)
            held.buffer = held.frame = None

    # Decoding; the lock is not held, the caller is a holder of the frame.

    def _decode(self, held: _RememberedFrame, *, wait: bool = True) -> None:
        """Turns `decode` into `frame` or `error`, once; without `wait`, leaves it to whoever is
        at it already."""
        if not held.decoding.acquire(blocking=wait):
            return
        try:
            if held.decode is not None:
                try:
                    self._store(held, _checked(held.decode()))
                except Exception as error:  # of foreign code: counted here, raised by `snapshot`
                    self._reject(held, error)
                held.decode = None
        finally:
            held.decoding.release()

    def _store(self, held: _RememberedFrame, pixels: npt.NDArray[np.uint8]) -> None:
        with self._lock:
            held.buffer = self._room_for(pixels.nbytes)
            self._pool.make_ready(pixels.nbytes)
            if self._shape is not None and self._shape != pixels.shape:
                self._events["format_change"] += 1
            self._shape = pixels.shape
        if held.buffer is None:
            raise MemoryError(
                f"{pixels.shape[1]} x {pixels.shape[0]} pixels need {pixels.nbytes} bytes, and the "
                f"frame history may use {self.settings.max_bytes}, less what running requests "
                "hold; raise its max_bytes (and the arena's capacity) or lower the resolution"
            )
        view = held.buffer.reshape(pixels.shape)
        np.copyto(view, pixels)
        view.flags.writeable = False
        held.frame = Frame(view, held.stamp_ns, held.frame_id, held.key)

    def _room_for(self, size: int) -> Bytes | None:
        """A buffer, at the price of the oldest frames that nobody else holds."""
        buffer = self._pool.take(size)
        while buffer is None:
            victim = next((h for h in self._older if h.holders == 1 and h.buffer is not None), None)
            if victim is None:
                return None
            self._older.remove(victim)
            self._drops["no_memory"] += 1
            self._let_go(victim)
            buffer = self._pool.take(size)
        return buffer

    def _reject(self, held: _RememberedFrame, error: Exception) -> None:
        with self._lock:
            held.error = error
            no_room = isinstance(error, MemoryError)
            self._drops["no_memory" if no_room else f"invalid ({type(error).__name__})"] += 1
            self._last_error = f"{held}: {error}"
            if held in self._older:
                self._older.remove(held)
                self._let_go(held)

    # Pinning.

    def _pin_newest(self, pinned: list[_RememberedFrame]) -> _RememberedFrame | None:
        with self._lock:
            if self._newest is not None:
                self._newest.holders += 1
                pinned.append(self._newest)
            return self._newest

    def _pin_older(
        self, pinned: list[_RememberedFrame], count: int | None, newest: _RememberedFrame | None
    ) -> list[_RememberedFrame]:
        """The last `count` frames offered before `newest` (None: any), oldest first."""
        with self._lock:
            older = [h for h in self._older if newest is None or h.key < newest.key]
            older = older if count is None else older[max(0, len(older) - count) :]
            for held in older:
                held.holders += 1
            pinned += older
            return older

    def _unpin(self, pinned: list[_RememberedFrame]) -> None:
        with self._lock:
            while pinned:
                self._let_go(pinned.pop())


def _checked(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if not isinstance(pixels, np.ndarray):
        raise InvalidInputError(
            f"a {type(pixels).__name__} was decoded; expected an (H, W, 3) uint8 RGB array"
        )
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidInputError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype} were decoded; "
            "expected (H, W, 3) uint8 RGB"
        )
    if not pixels.size:
        raise InvalidInputError(f"a picture of size 0 was decoded: {pixels.shape}")
    return pixels
