"""Seconds and nanoseconds. Stamps are whole nanoseconds, what people set is seconds."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
MOST_AHEAD_S = 0.5
"""Clocks of two machines may differ that much. What is stamped later is of another clock, or of the
time before the clock jumped back."""


def to_ns(seconds: float) -> int:
    """The nearest whole number of nanoseconds; ValueError or OverflowError if it is not finite."""
    return round(seconds * NS_PER_S)


def to_s(nanoseconds: float) -> float:
    """Seconds."""
    return nanoseconds / NS_PER_S


def joined(seconds: int, nanoseconds: int) -> int:
    """Nanoseconds of the two numbers that stamps and durations have in messages."""
    return int(seconds) * NS_PER_S + int(nanoseconds)


def split(nanoseconds: int) -> tuple[int, int]:
    """Whole seconds, and the nanoseconds that are left."""
    return divmod(nanoseconds, NS_PER_S)


def samples_ns(count: int, rate_hz: int) -> int:
    """Whole nanoseconds that a number of samples lasts."""
    return count * NS_PER_S // rate_hz


def is_fresh(stamp_s: float, now_s: float, max_age_s: float) -> bool:
    """Whether something is neither too old nor of a time to come."""
    return -MOST_AHEAD_S <= now_s - stamp_s <= max_age_s
