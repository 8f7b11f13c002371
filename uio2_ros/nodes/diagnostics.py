"""What nodes tell on /diagnostics: rates, percentiles, and their form as messages."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

WINDOW = 512
"""Durations from which percentiles are taken."""


class Stopwatch:
    """How often and for how long something runs. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations_s: deque[float] = deque(maxlen=WINDOW)
        self._count = 0
        self._longest_s = 0.0
        self._seen = (0, math.nan)  # count and time of the last `rate_hz`

    def add(self, duration_s: float) -> None:
        """One more run."""
        with self._lock:
            self._count += 1
            self._durations_s.append(duration_s)
            self._longest_s = max(self._longest_s, duration_s)

    @property
    def count(self) -> int:
        """Runs since the start."""
        return self._count

    def percentile_s(self, percent: float) -> float:
        """The duration that `percent` of the last runs did not exceed; 0 without runs."""
        with self._lock:
            ordered = sorted(self._durations_s)
        if not ordered:
            return 0.0
        return ordered[min(len(ordered) - 1, math.ceil(percent / 100 * len(ordered)) - 1)]

    def rate_hz(self, now_s: float) -> float:
        """Runs per second since the last call; 0 at the first."""
        with self._lock:
            before, before_s = self._seen
            self._seen = (self._count, now_s)
            elapsed_s = now_s - before_s
            return (self._count - before) / elapsed_s if elapsed_s > 0 else 0.0

    def readings(self) -> dict[str, str]:
        """What diagnostics tell of the durations."""
        return {
            "callback p50 (ms)": f"{self.percentile_s(50) * 1e3:.3f}",
            "callback p99 (ms)": f"{self.percentile_s(99) * 1e3:.3f}",
            "callback longest (ms)": f"{self._longest_s * 1e3:.3f}",
        }


class DiagnosticsTopic:
    """/diagnostics, on which a node tells of its parts under its own name. Any thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.name: str = node.get_fully_qualified_name().lstrip("/")
        """What the names of its statuses begin with."""

    def tell(self, *statuses: DiagnosticStatus) -> None:
        """Publishes how the parts are now."""
        report = DiagnosticArray(status=statuses)
        report.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(report)


def status_message(
    name: str, problem: str, readings: Mapping[str, str], *, severe: bool = False
) -> DiagnosticStatus:
    """A status: OK without a problem, else WARN, or ERROR if severe."""
    worst = DiagnosticStatus.ERROR if severe else DiagnosticStatus.WARN
    return DiagnosticStatus(
        name=name,
        level=worst if problem else DiagnosticStatus.OK,
        message=problem or "ok",
        values=[KeyValue(key=key, value=value) for key, value in readings.items()],
    )
