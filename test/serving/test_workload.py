"""What the model is given next."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import SharedArena
from uio2_ros.serving.job import Job
from uio2_ros.serving.workload import Workload

FRAME, FRAME2, FRAME3 = (
    Frame(np.zeros((48, 64, 3), np.uint8), stamp_ns=number, key=number) for number in (1, 2, 3)
)


@pytest.fixture
def workload() -> Workload:
    workload = Workload(SharedArena(1 << 20), queue_size=2)
    workload.accept()
    return workload


def put(workload: Workload) -> Job:
    job = Job(Instruction("find the cup"), Observation(), 9.0)
    assert workload.put(job)
    return job


def begun(workload: Workload) -> Job | None:
    packed = workload.begin_next()
    return None if packed is None else packed.job


def test_an_instruction_goes_before_a_frame_that_is_not_sent_yet(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    job = put(workload)
    assert begun(workload) is job
    assert workload.begin_frame() is None
    workload.end_running()
    assert workload.begin_frame() is not None


def test_an_instruction_waits_for_a_frame_that_is_sent(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    assert workload.begin_frame() is not None
    job = put(workload)
    assert workload.begin_next() is None
    workload.end_frame()
    assert begun(workload) is job


def test_an_observation_of_which_a_part_has_no_room_leaves_nothing_behind() -> None:
    workload = Workload(SharedArena(2 * FRAME.pixels.nbytes), queue_size=2)
    workload.accept()
    job = Job(Instruction("what?"), Observation(FRAME, (FRAME2, FRAME3)), 9.0)
    assert not workload.put(job)
    assert job.result(0).error_code is ErrorCode.OUT_OF_MEMORY
    assert workload.arena.used == 0


def test_only_one_frame_is_in_hand(workload: Workload) -> None:
    assert workload.put_frame(FRAME, None)
    assert not workload.put_frame(FRAME, None)
    workload.begin_frame()
    assert not workload.put_frame(FRAME, None)
    workload.end_frame()
    assert workload.put_frame(FRAME, None)
