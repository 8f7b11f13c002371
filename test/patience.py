"""How long a test waits for what must come.

Tests end when the event comes, so patience costs nothing where all is well. On a busy machine
everything takes as many times longer as there are programs waiting for each processor.
"""

from __future__ import annotations

import os


def patient(seconds: float) -> float:
    """Seconds to wait for what takes less on an idle machine."""
    waiting_per_processor = os.getloadavg()[0] / len(os.sched_getaffinity(0))
    return seconds * max(1.0, waiting_per_processor)
