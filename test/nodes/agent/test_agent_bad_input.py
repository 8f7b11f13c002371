"""What is wrong has its error code and a message that helps; the next good request works."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, done, header, picture, wait_until
from nodes.scripted_model import ENDLESS
from std_srvs.srv import Trigger
from uio2_ros.msg import AudioChunk, HistoryState, InstructionResult
from vision_msgs.msg import BoundingBox2D

from uio2_ros.robot.errors import ErrorCode
from uio2_ros.serving import ServingSettings

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def good_request_afterwards(agent: AgentProcess, robot: Robot) -> Iterator[None]:
    """The agent starts each test with an empty history and answers after it."""
    del agent
    assert robot.call(Trigger, "/agent/clear_history", Trigger.Request()).success
    yield
    robot.show()
    result = robot.ask("the cup", task="refexp")
    assert (result.error_code, result.error_msg) == (0, "")
    assert len(result.detections.detections) == 1


def expect(result: InstructionResult, code: ErrorCode, *parts: str) -> None:
    assert (ErrorCode(result.error_code), result.error_msg) == (code, result.error_msg)
    for part in parts:
        assert part in result.error_msg


def test_unknown_task(robot: Robot) -> None:
    expect(robot.ask(task="refexpp"), ErrorCode.UNKNOWN_TASK, "'refexpp'", "localize")


@pytest.mark.parametrize("instruction", ["", "  \n"])
def test_empty_instruction(robot: Robot, instruction: str) -> None:
    expect(robot.ask(instruction), ErrorCode.INVALID_REQUEST, "empty")


def test_empty_instruction_of_a_task_that_needs_one(robot: Robot) -> None:
    robot.show()
    expect(robot.ask("", task="refexp"), ErrorCode.INVALID_REQUEST)


@pytest.mark.parametrize("field", ["timeout", "max_age"])
@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 2_147_484.0, 3.4e38])
def test_seconds_that_are_none(robot: Robot, field: str, seconds: float) -> None:
    expect(robot.ask(**{field: seconds}), ErrorCode.INVALID_REQUEST, field, "give 0")


@pytest.mark.parametrize(
    ("size_x", "size_y", "theta", "part"),
    [
        (-4.0, 4.0, 0.0, "-4.0 x 4.0 pixels"),
        (4.0, 0.0, 0.0, "4.0 x 0.0 pixels"),
        (math.nan, 4.0, 0.0, "not finite"),
        (4.0, 4.0, 0.5, "turned by 0.5 rad"),
    ],
)
def test_region_that_is_none(
    robot: Robot, size_x: float, size_y: float, theta: float, part: str
) -> None:
    region = BoundingBox2D(size_x=size_x, size_y=size_y)
    region.center.theta = theta
    expect(robot.ask(region=region), ErrorCode.INVALID_REQUEST, part)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"task": "refexp", "options": ["a", "b"]}, "options"),
        ({"task": "score"}, "options"),
        ({"task": "plan", "action_space": "nowhere"}, "nowhere"),
    ],
)
def test_what_a_task_needs_is_missing(robot: Robot, fields: dict[str, Any], part: str) -> None:
    robot.show()
    expect(robot.ask(**fields), ErrorCode.INVALID_REQUEST, part)


@pytest.mark.parametrize("task", ["", "refexp"])
def test_no_picture_yet(robot: Robot, task: str) -> None:
    expect(robot.ask(task=task), ErrorCode.NO_INPUT, "/image", "publishers")


def test_no_sound_yet(robot: Robot) -> None:
    expect(robot.ask("", task="audio_caption"), ErrorCode.NO_INPUT, "/audio")


def test_old_picture(robot: Robot) -> None:
    robot.show(age_s=5.0)
    expect(
        robot.ask(task="refexp", max_age=0.0),
        ErrorCode.STALE_INPUT,
        "s old and may be 2 s",
        "max_age",
    )
    assert robot.ask(task="refexp", max_age=60.0).error_code == 0


def test_picture_from_the_future(robot: Robot) -> None:
    robot.show(age_s=-60.0)
    expect(robot.ask(task="refexp", max_age=0.0), ErrorCode.STALE_INPUT, "in the future", "clocks")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"encoding": "rgb9"}, "'rgb9'"),
        ({"height": 480}, "truncated"),
        ({"width": 0, "step": 0}, "0 x 48 pixels"),
        ({"step": 3}, "step is 3 bytes"),
    ],
)
def test_message_that_is_no_picture(robot: Robot, changes: dict[str, Any], part: str) -> None:
    robot.show(**changes)
    expect(robot.ask(task="refexp"), ErrorCode.INVALID_INPUT, part, "camera_optical_frame")


def test_picture_of_one_pixel_is_a_picture(robot: Robot) -> None:
    robot.show(picture(1, 1))
    assert robot.ask("the cup", task="refexp").error_code == 0


def refuse_sound(robot: Robot, **fields: Any) -> str:
    """What the agent says of a chunk with these fields, sent until it says something."""
    chunk = AudioChunk(
        **{"sample_rate": 16000, "channels": 1, "encoding": AudioChunk.S16LE, **fields}
    )
    said: list[str] = []

    def is_refused() -> bool:
        chunk.header = header(robot.now_ns())
        robot.publish("audio", chunk)
        result = robot.ask("", task="audio_caption")
        said.append(result.error_msg)
        return ErrorCode(result.error_code) is ErrorCode.INVALID_INPUT

    wait_until(is_refused, "the sound to be refused")
    return said[-1]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_sound_that_is_not_a_number(robot: Robot, value: float) -> None:
    samples = np.full(1600, value, "<f4")
    refuse_sound(robot, encoding=AudioChunk.F32LE, data=samples.tobytes())
    robot.show()
    expect(robot.ask(), ErrorCode.INVALID_INPUT, "/audio", "1600 of 1600 samples")
    robot.say(np.zeros(1600, np.float32))
    assert robot.ask("", task="audio_caption").error_code == 0


def test_sound_cut_within_a_sample(robot: Robot) -> None:
    assert "truncated" in refuse_sound(robot, channels=2, data=bytes(7))
    robot.say(np.zeros(160, np.float32))


@pytest.mark.parametrize("rate", [0, 1, 2**32 - 1])
def test_rate_that_no_sound_has(robot: Robot, rate: int) -> None:
    said = refuse_sound(robot, sample_rate=rate, data=bytes(3200))
    assert f"rate is {rate} Hz; expected 1000" in said
    robot.say(np.zeros(1600, np.float32))
    assert robot.ask("", task="audio_caption").error_code == 0


@pytest.mark.parametrize("number", [math.nan, math.inf, 0.0])
def test_intrinsics_that_are_none(robot: Robot, number: float) -> None:
    robot.calibrate((50, 32, 50, 24))
    robot.calibrate((number, number, number, number), accepted=False)


def test_a_lens_that_nobody_knows_is_named(robot: Robot) -> None:
    robot.calibrate((50, 32, 50, 24), accepted=False, distortion_model="omni", d=[0.1])
    robot.show()
    result = robot.ask("", task="cuboids")
    assert result.error_code == ErrorCode.NO_CAMERA_INFO
    assert "'omni' is unknown; expected one of plumb_bob" in result.error_msg


def test_the_intrinsics_of_a_binned_picture_are_made_its_own(robot: Robot) -> None:
    robot.calibrate((100, 64, 100, 48), width=128, height=96, binning_x=2, binning_y=2)
    robot.show(np.zeros((48, 64, 3), np.uint8))
    assert robot.ask("", task="cuboids").error_code == 0


def test_stereo_sound_of_another_rate_is_understood(robot: Robot) -> None:
    robot.listen("/history_state", HistoryState)
    robot.say(np.zeros((44100, 2), np.int16), rate=44100, encoding="S16LE")
    robot.heard("/history_state", lambda state: 0.9 < state.audio_span < 1.01)
    assert robot.ask("", task="audio_caption").error_code == 0


def test_sound_that_is_over_is_encoded_before_anybody_asks(robot: Robot) -> None:
    robot.listen("/diagnostics", DiagnosticArray)
    robot.say(np.random.default_rng(0).uniform(-0.1, 0.1, 5 * 16000).astype(np.float32))
    robot.heard("/diagnostics", segments_encoded)


def segments_encoded(report: DiagnosticArray) -> bool:
    (model,) = (status for status in report.status if status.name == "agent: model")
    return any(value.key == "segments_encoded" and value.value == "1" for value in model.values)


def test_stamp_that_goes_back_a_little_is_dropped(robot: Robot) -> None:
    robot.listen("/history_state", HistoryState)
    robot.show()
    robot.show(age_s=0.6)
    state = robot.heard("/history_state", lambda state: state.drop_causes)
    assert dict(zip(state.drop_causes, state.drops, strict=True)) == {"picture out_of_order": 1}
    assert state.frames == 1


def test_clock_that_jumps_back_starts_the_history_anew(robot: Robot) -> None:
    robot.listen("/history_state", HistoryState)
    robot.show(age_s=1.9)
    robot.show()
    robot.heard("/history_state", lambda state: state.frames == 2)
    robot.forget()
    robot.show(age_s=20.0)
    robot.heard("/history_state", lambda state: state.frames == 1)
    assert robot.ask("the cup", task="refexp", max_age=60.0).error_code == 0


def test_missing_stamp_is_the_arrival(robot: Robot) -> None:
    began_s = robot.now_ns() // 10**9
    robot.show(header=header(0))
    result = robot.ask("the cup", task="refexp")
    assert result.error_code == 0
    assert began_s <= result.header.stamp.sec <= robot.now_ns() // 10**9


def test_too_little_time(robot: Robot) -> None:
    robot.show()
    expect(robot.ask(ENDLESS, timeout=0.2), ErrorCode.TIMEOUT, "0.")


def test_more_than_the_queue_holds(robot: Robot) -> None:
    robot.show()
    places = ServingSettings().queue_size
    goal = robot.endless_order()
    waiting = [robot.ask_async("the cup", task="refexp") for _ in range(places + 3)]
    wait_until(lambda: sum(future.done() for future in waiting) == 3, "three to be refused")
    goal.cancel_goal_async()
    codes = [ErrorCode(done(future).result.error_code) for future in waiting]
    assert codes.count(ErrorCode.BUSY) == 3
    assert codes.count(ErrorCode.NONE) == places
