"""Seconds and nanoseconds. Stamps are whole nanoseconds, what people set is seconds."""

from __future__ import annotations

NS_PER_S = 1_000_000_000


def to_ns(seconds: float) -> int:
    """The nearest whole number of nanoseconds; ValueError or OverflowError if it is not finite."""
    return round(seconds * NS_PER_S)


def to_s(nanoseconds: float) -> float:
    """Seconds."""
    return nanoseconds / NS_PER_S
