"""An inference process that is stopped is noticed also while nobody asks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from patience import patient

from uio2_ros.processes.lifeline import is_suspended
from uio2_ros.serving import ModelProcess

WAIT_S = patient(10.0)


def wait_until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass"
        time.sleep(0.005)


def test_stopped_process_is_suspended_until_it_goes_on(process: ModelProcess) -> None:
    pid = process.status().pid
    assert pid is not None
    assert not process.status().suspended
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process.status().suspended)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not process.status().suspended)


def test_process_that_is_gone_is_not_suspended() -> None:
    assert not is_suspended(2**22 + 1)  # beyond the greatest number of a process
