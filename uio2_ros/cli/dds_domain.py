"""DDS domains in which no other test or benchmark of this machine, and not the user's graph, is."""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
from pathlib import Path

DOMAINS = range(1, 102)
_LOCKS: list[int] = []
"""Held until this process ends."""


def unused_domain() -> int:
    """A domain for this process and its children, whose graphs would meet those of others."""
    candidates = [number for number in DOMAINS if str(number) != os.environ.get("ROS_DOMAIN_ID")]
    random.SystemRandom().shuffle(candidates)
    for number in candidates:
        path = Path(tempfile.gettempdir(), f"uio2_test_domain_{number}.lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _LOCKS.append(lock)
        return number
    raise RuntimeError(
        f"all DDS domains of {DOMAINS} are used by other tests and benchmarks; end some"
    )


def keep_to_one_domain() -> None:
    """Has this process and its children meet nobody else: an unused domain, on this machine."""
    os.environ["ROS_DOMAIN_ID"] = str(unused_domain())
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
