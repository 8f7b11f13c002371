"""Times and durations of messages, and nanoseconds or seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uio2_ros.robot.time import joined, split, to_ns, to_s

if TYPE_CHECKING:
    from builtin_interfaces.msg import Duration, Time


def nanoseconds_of(stamp: Any) -> int:
    """Nanoseconds of a Time or Duration, or of what a recording has in its place."""
    return joined(stamp.sec, stamp.nanosec)


def seconds_of(stamp: Any) -> float:
    """Seconds of a Time or Duration."""
    return to_s(nanoseconds_of(stamp))


def time_message(nanoseconds: int) -> Time:
    """A stamp."""
    from builtin_interfaces.msg import Time

    seconds, rest = split(nanoseconds)
    return Time(sec=seconds, nanosec=rest)


def duration_message(seconds: float) -> Duration:
    """The nearest whole number of nanoseconds."""
    from builtin_interfaces.msg import Duration

    whole, rest = split(to_ns(seconds))
    return Duration(sec=whole, nanosec=rest)
