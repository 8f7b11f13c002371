"""The last seconds of sound, mono at one rate, clocked by message stamps. numpy and soxr only."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.history.mono import to_mono
from uio2_ros.history.resampler import QUALITIES, StreamResampler
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.observation import SoundSegment
from uio2_ros.robot.time import samples_ns, to_s
from uio2_ros.settings import setting

Sound = npt.NDArray[np.float32]


class Push(str, Enum):
    """What became of a chunk of sound."""

    ACCEPTED = "accepted"
    EMPTY = "empty"  # no samples
    DUPLICATE = "duplicate"  # same stamp as the chunk before
    OUT_OF_ORDER = "out_of_order"  # all of it is older than what is held
    AHEAD = "ahead"  # stamped too far in the future


@dataclass(frozen=True)
class AudioHistorySettings:
    """Bounds and clock of an `AudioHistory`; ValueError for values that make no sense."""

    seconds: float = setting(40.0, "seconds of sound kept", low=0.1, high=3600.0)
    segment_s: float = setting(
        4.08,
        "seconds of the model's segments, which are encoded when they are over (Unified-IO 2: "
        "4.08); 0: sound is encoded at the instruction",
        high=60.0,
        name="segment",
    )
    rate: int = 16000
    """Hz of the samples kept."""
    max_bytes: int = 16 * 2**20
    """Most memory for samples; shortens what is kept if `seconds` needs more."""
    jitter_s: float = 0.05
    """Stamps may be off by this much before sound is taken as lost or doubled."""
    arrival_jitter_s: float = 0.5
    """The same for chunks without a stamp, which are placed by their arrival."""
    reset_tolerance_s: float = 1.0
    """A stamp older than the one before by more clears the history (simulation reset)."""
    max_ahead_s: float = setting(
        2.0, "sound stamped this many seconds in the future is dropped", name="max_ahead"
    )
    """All that follows would be older. A clock that stands at 0, as before the first simulated
    time, is not asked."""
    quality: str = "HQ"
    """One of `QUALITIES`."""

    def __post_init__(self) -> None:
        for name in ("seconds", "rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of an audio history is {getattr(self, name)}; give > 0")
        for name in (
            "segment_s",
            "jitter_s",
            "arrival_jitter_s",
            "reset_tolerance_s",
            "max_ahead_s",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of an audio history is {getattr(self, name)}; give >= 0")
        if self.quality not in QUALITIES:
            raise ValueError(f"quality is {self.quality!r}; give one of {', '.join(QUALITIES)}")
        if self.capacity < 1:
            raise ValueError(
                f"an audio history of {self.seconds} s and {self.max_bytes} bytes has no room for "
                "a sample; raise seconds or max_bytes"
            )

    @property
    def capacity(self) -> int:
        """Samples kept."""
        return min(round(self.seconds * self.rate), self.max_bytes // np.dtype(np.float32).itemsize)

    @property
    def segment_samples(self) -> int:
        """Samples of a segment."""
        return round(self.segment_s * self.rate)


@dataclass(frozen=True)
class AudioHistoryState:
    """What an `AudioHistory` holds and what it dropped since the last `clear`."""

    span_s: float
    end_ns: int | None
    """Stamp of the end of the newest sample; None when nothing is held."""
    bytes: int
    drops: dict[str, int]
    """Chunks not kept, by cause: empty, duplicate, out_of_order, ahead, invalid."""
    events: dict[str, int]
    """missing_stamp, clock_reset, format_change, gap, overlap."""
    last_error: str
    """The message of the last invalid chunk; "" if there was none."""


class AudioHistory:
    """A ring of mono float32 sound at `settings.rate`. Every method may be called from any thread.

    Gaps of up to the length of the ring are silence, so that a place in the ring is a time;
    doubled sound is trimmed. Segments follow each other from the first sample on, so that one that
    is over stays the same. The memory is allocated once. A resampled stream lags by the length
    of the filter (HQ: 22 ms from 44.1 and 48 kHz) until more sound arrives.
    """

    def __init__(
        self,
        settings: AudioHistorySettings | None = None,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`clock_ns` gives the arrival time that stands in for a missing stamp: the node's."""
        self.settings = settings or AudioHistorySettings()
        self._clock_ns = clock_ns
        self._lock = threading.Lock()  # guards everything below
        self._ring: Sound = np.zeros(self.settings.capacity, dtype=np.float32)
        self._origin_ns: int | None = None  # time of sample 0; None: nothing is held
        self._written = 0  # samples since the origin
        self._taken = 0  # segments since the origin
        self._last_stamp_ns = 0
        self._source_format: tuple[int, int] | None = None  # rate, channels
        self._resampler: StreamResampler | None = None
        self._input_origin_ns = 0  # time of the resampler's first input sample
        self._input_count = 0
        self._drops: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._last_error = ""

    def push(self, stamp_ns: int, samples: npt.NDArray[Any], sample_rate: int) -> Push:
        """Appends sound whose first sample was captured at `stamp_ns`.

        samples: (n,) or (n, channels), integers of 8 to 32 bits or floating in [-1, 1], at
        `sample_rate` Hz; channels are averaged. A stamp of 0 or less is missing: the chunk then
        ends on arrival. Raises InvalidInputError (and counts it) for NaN or infinite samples,
        other shapes and types, and rates that are not positive.
        """
        try:
            if sample_rate <= 0:
                raise InvalidInputError(
                    f"the sample rate of a sound is {sample_rate} Hz; expected > 0"
                )
            mono = to_mono(samples)
        except InvalidInputError as error:
            with self._lock:
                self._drops["invalid"] += 1
                self._last_error = str(error)
            raise
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with self._lock:
            verdict = self._admit(stamp_ns, mono, sample_rate, channels)
            if verdict is not Push.ACCEPTED:
                self._drops[verdict.value] += 1
        return verdict

    def window(self, end_ns: int | None, seconds: float) -> Sound:
        """A copy of the sound of the `seconds` before `end_ns` (None: the newest sample's end).

        Sound after `end_ns` is cut off; what is not held (not yet heard, or forgotten) is absent,
        so the result may be shorter than `seconds`, down to empty.
        """
        if not seconds > 0:
            raise ValueError(f"a window of {seconds} s was asked for; give more than 0")
        with self._lock:
            if self._origin_ns is None:
                return np.zeros(0, dtype=np.float32)
            end = self._written if end_ns is None else self._samples(end_ns - self._origin_ns)
            oldest = self._written - self._held()
            start = max(oldest, end - round(seconds * self.settings.rate))
            return self._read(start, max(start, min(end, self._written)))

    def heard(self, end_ns: int) -> Sound:
        """A copy of all sound before `end_ns`, from the beginning of a segment on.

        Only where that would leave less than a segment it begins with the oldest sample.
        """
        with self._lock:
            if self._origin_ns is None:
                return np.zeros(0, dtype=np.float32)
            end, length = self._samples(end_ns - self._origin_ns), self.settings.segment_samples
            start = max(self._written - self._held(), end - self._ring.size)
            end = min(end, self._written)
            if length and self._begin_of_segment(start) <= end - length:
                start = self._begin_of_segment(start)
            return self._read(start, max(start, end))

    def take_segment(self) -> SoundSegment | None:
        """The oldest segment that is over, held and was not taken before; None if there is none."""
        with self._lock:
            if self._origin_ns is None or not self.settings.segment_samples:
                return None
            length = self.settings.segment_samples
            oldest = self._begin_of_segment(self._written - self._held())
            start = max(oldest, self._taken * length)
            if start + length > self._written:
                return None
            self._taken = start // length + 1
            return SoundSegment(self._read(start, start + length), self.settings.rate)

    def state(self) -> AudioHistoryState:
        """What is held and what was dropped."""
        with self._lock:
            return AudioHistoryState(
                span_s=self._held() / self.settings.rate,
                end_ns=None if self._origin_ns is None else self._end_ns(),
                bytes=self._ring.nbytes,
                drops=dict(self._drops),
                events=dict(self._events),
                last_error=self._last_error,
            )

    def clear(self) -> None:
        """Forgets all sound and counts."""
        with self._lock:
            self._forget_sound()
            self._drops.clear()
            self._events.clear()
            self._last_error = ""

    # Everything below runs with the lock held.

    def _admit(self, stamp_ns: int, mono: Sound, rate: int, channels: int) -> Push:
        if not mono.size:
            return Push.EMPTY
        tolerance_s = self.settings.jitter_s
        if stamp_ns <= 0:
            self._events["missing_stamp"] += 1
            stamp_ns = self._clock_ns() - samples_ns(mono.size, rate)
            tolerance_s = self.settings.arrival_jitter_s
        elif self._is_ahead(stamp_ns):
            return Push.AHEAD
        if self._origin_ns is not None:
            back_ns = self._last_stamp_ns - stamp_ns
            if to_s(back_ns) > self.settings.reset_tolerance_s:
                self._events["clock_reset"] += 1
                self._forget_sound()
            elif back_ns == 0:
                return Push.DUPLICATE
        if self._origin_ns is None:
            self._begin(stamp_ns)
        elif self._source_format != (rate, channels):
            self._events["format_change"] += 1
            self._end_stream()
        mono = self._align(stamp_ns, mono, rate, tolerance_s)
        if not mono.size:
            return Push.OUT_OF_ORDER
        self._last_stamp_ns = stamp_ns
        self._feed(mono, rate, channels)
        return Push.ACCEPTED

    def _is_ahead(self, stamp_ns: int) -> bool:
        now_ns = self._clock_ns()
        return now_ns > 0 and to_s(stamp_ns - now_ns) > self.settings.max_ahead_s

    def _begin(self, stamp_ns: int) -> None:
        self._origin_ns = self._input_origin_ns = stamp_ns
        self._written = self._taken = 0

    def _align(self, stamp_ns: int, mono: Sound, rate: int, tolerance_s: float) -> Sound:
        """Fills a gap before the chunk with silence, or trims what is held already from it."""
        late_ns = stamp_ns - self._expected_ns()
        if abs(to_s(late_ns)) <= tolerance_s:
            return mono
        if late_ns < 0:
            unheard = mono[round(to_s(-late_ns * rate)) :]
            if unheard.size:
                self._events["overlap"] += 1
            return unheard
        self._events["gap"] += 1
        self._end_stream()
        silence = self._samples(stamp_ns - self._end_ns())
        if silence >= self._ring.size:
            self._begin(stamp_ns)
        elif silence > 0:
            self._write(np.zeros(silence, dtype=np.float32))
        self._input_origin_ns = stamp_ns
        return mono

    def _feed(self, mono: Sound, rate: int, channels: int) -> None:
        if self._source_format is None:
            self._source_format = (rate, channels)
            self._resampler = StreamResampler(rate, self.settings.rate, self.settings.quality)
        assert self._resampler is not None
        self._input_count += mono.size
        self._write(self._resampler.push(mono))

    def _end_stream(self) -> None:
        """Writes what the resampler still holds and forgets it; the next chunk starts anew."""
        self._input_origin_ns = self._expected_ns()
        self._input_count = 0
        self._source_format = None
        if self._resampler is not None:
            self._write(self._resampler.finish())
            self._resampler = None

    def _expected_ns(self) -> int:
        """When the next sample should have been captured if nothing is missing."""
        if self._source_format is None:
            return self._input_origin_ns
        return self._input_origin_ns + samples_ns(self._input_count, self._source_format[0])

    def _end_ns(self) -> int:
        assert self._origin_ns is not None
        return self._origin_ns + samples_ns(self._written, self.settings.rate)

    def _samples(self, duration_ns: int) -> int:
        return round(to_s(duration_ns * self.settings.rate))

    def _begin_of_segment(self, sample: int) -> int:
        """The first sample of the first segment that begins there or later."""
        length = self.settings.segment_samples
        return -(-sample // length) * length

    def _held(self) -> int:
        return min(self._written, self._ring.size)

    def _write(self, samples: Sound) -> None:
        self._written += samples.size
        samples = samples[-self._ring.size :]
        start = (self._written - samples.size) % self._ring.size
        first = min(samples.size, self._ring.size - start)
        self._ring[start : start + first] = samples[:first]
        self._ring[: samples.size - first] = samples[first:]

    def _read(self, start: int, stop: int) -> Sound:
        """A copy of the samples counted from the origin; all of them are held."""
        at, size = start % self._ring.size, stop - start
        first = min(size, self._ring.size - at)
        return np.concatenate([self._ring[at : at + first], self._ring[: size - first]])

    def _forget_sound(self) -> None:
        self._origin_ns = None
        self._written = self._taken = self._input_count = 0
        self._source_format = self._resampler = None
