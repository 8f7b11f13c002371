"""What the model is given next."""

from __future__ import annotations

import time

import numpy as np
import pytest

from uio2_ros.serving import SharedArena
from uio2_ros.serving.ticket import Job
from uio2_ros.serving.workload import Workload
from uio2_ros.tasks.instruction import Frame, Instruction, Observation

FRAME = Frame(np.zeros((48, 64, 3), np.uint8), stamp_ns=1, key=1)


@pytest.fixture
def workload() -> Workload:
    workload = Workload(SharedArena(1 << 20), queue_size=2)
    workload.accept()
    return workload


def put(workload: Workload) -> Job:
    job = Job(1, "", time.monotonic() + 9, 9.0, None, None, None)
    assert workload.put(job, Instruction("find the cup"), Observation()) is None
    return job


def test_an_instruction_goes_before_a_frame_that_is_not_sent_yet(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    job = put(workload)
    assert workload.begin_next() is job
    assert workload.begin_frame() is None
    workload.end_running()
    assert workload.begin_frame() is not None


def test_an_instruction_waits_for_a_frame_that_is_sent(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    assert workload.begin_frame() is not None
    job = put(workload)
    assert workload.begin_next() is None
    workload.end_frame()
    assert workload.begin_next() is job


def test_only_one_frame_is_in_hand(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    assert not workload.put_frame(FRAME, None)
    workload.begin_frame()
    assert not workload.put_frame(FRAME, None)
    workload.end_frame()
    assert workload.put_frame(FRAME, None)
