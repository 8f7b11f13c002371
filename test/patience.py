"""How long a test waits for what must come.

Tests end when the event comes, so patience costs nothing where all is well. No test asserts that
something is quick: how long things take is measured by `./uio2 bench`.
"""

from __future__ import annotations

import os

SHORTEST_S = 20.0
"""A machine with other work pauses for seconds; so nobody gives up earlier."""


def patient(seconds: float) -> float:
    """Seconds to wait for what takes far less on an idle machine.

    On a busy one everything takes as many times longer as there are programs waiting for each
    processor.
    """
    waiting_per_processor = os.getloadavg()[0] / len(os.sched_getaffinity(0))
    return max(SHORTEST_S, seconds) * max(1.0, waiting_per_processor)
