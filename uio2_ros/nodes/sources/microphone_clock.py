"""When a sample was captured: counted samples, held to the system clock. No ROS."""

from __future__ import annotations

from uio2_ros.robot.time import to_ns


class SampleClock:
    """Stamps from the number of samples since the start, so that chunks join without a seam.

    A sound card's quartz and the system clock drift apart, and an overrun loses samples: once the
    count is more than `bound_s` off the observed time it is set anew. One thread.
    """

    def __init__(self, bound_s: float) -> None:
        self._bound_ns = to_ns(bound_s)
        self._origin_ns: int | None = None
        self.resynchronised = 0

    def observe(self, position_s: float, time_ns: int) -> None:
        """The sample `position_s` seconds into the stream was captured at about `time_ns`."""
        origin_ns = time_ns - to_ns(position_s)
        if self._origin_ns is None:
            self._origin_ns = origin_ns
        elif abs(origin_ns - self._origin_ns) > self._bound_ns:
            self._origin_ns = origin_ns
            self.resynchronised += 1

    def time_ns(self, position_s: float) -> int:
        """When the sample `position_s` seconds into the stream was captured, after an `observe`."""
        if self._origin_ns is None:
            raise RuntimeError("time_ns before the first observe")
        return self._origin_ns + to_ns(position_s)
