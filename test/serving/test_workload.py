"""What the model is given next."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import SharedArena
from uio2_ros.serving.answerer import InferenceRequest
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
    job = Job(InferenceRequest(Instruction("find the cup"), Observation(), 9.0))
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
    workload.end_running(1)
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
    job = Job(InferenceRequest(Instruction("what?"), Observation(FRAME, (FRAME2, FRAME3)), 9.0))
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


def of(robot: str, task: str = "") -> Job:
    instruction = Instruction("find the cup", task=task)
    return Job(InferenceRequest(instruction, Observation(), 9.0, robot=robot))


def test_so_many_are_under_way_at_once_and_so_many_wait() -> None:
    workload = Workload(SharedArena(1 << 20), queue_size=1, concurrent=2)
    workload.accept()
    jobs = [of("") for _ in range(4)]
    assert [workload.put(job) for job in jobs] == [True, True, True, False]
    assert jobs[3].result(0).error_code is ErrorCode.BUSY
    assert [begun(workload), begun(workload), begun(workload)] == [jobs[0], jobs[1], None]
    workload.end_running(1)
    assert begun(workload) is jobs[2]


def test_robots_take_turns_and_actions_go_first() -> None:
    workload = Workload(SharedArena(1 << 20), queue_size=9)
    workload.accept()
    greedy, greedy2, modest, acting = of("a"), of("a"), of("b"), of("c", "act")
    for job in (greedy, greedy2, modest, acting):
        assert workload.put(job)
    order = []
    for number in (4, 1, 3, 2):
        order.append(begun(workload))
        workload.end_running(number)
    assert order == [acting, greedy, modest, greedy2]


def test_a_picture_is_made_alone() -> None:
    workload = Workload(SharedArena(1 << 20), queue_size=9, concurrent=4)
    workload.accept()
    text, picture, after = of(""), of("", "generate_image"), of("")
    for job in (text, picture, after):
        assert workload.put(job)
    assert begun(workload) is text
    assert begun(workload) is None, "the picture waits for the text, and what came later for it"
    workload.end_running(1)
    assert begun(workload) is picture
    assert begun(workload) is None
    workload.end_running(2)
    assert begun(workload) is after
