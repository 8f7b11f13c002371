"""An answer survives the way into its message; a request that is none is refused."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from nodes.robot import header
from uio2_ros.msg import ActionStep, InstructionResult
from uio2_ros.srv import Instruct
from vision_msgs.msg import BoundingBox2D

from uio2_ros.messages.answers import result_message
from uio2_ros.messages.detections import box_message
from uio2_ros.messages.images import image_to_rgb
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.messages.pictures import image_message
from uio2_ros.messages.plans import planar_message
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet, Timings
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

pytestmark = pytest.mark.ros

HEADER = header(7_000_000_009, "camera")


def test_error_codes_are_those_of_the_message() -> None:
    for code in ErrorCode:
        assert getattr(InstructionResult, code.name) == int(code)
    for kind in ActionKind:
        assert getattr(ActionStep, kind.name) == int(kind)


def test_request_becomes_an_instruction() -> None:
    request = Instruct.Request(
        instruction="look",
        task="vqa",
        options=["a", "b"],
        region=box_message(Box(10, 20, 30, 60)),
        action_space="vima",
        seed=5,
    )
    assert instruction_of(request) == Instruction(
        "look", "vqa", ("a", "b"), Box(10, 20, 30, 60), "vima", 5
    )


def test_a_region_of_size_zero_is_none() -> None:
    assert instruction_of(Instruct.Request(instruction="look")).region is None


def test_a_task_may_do_without_words() -> None:
    assert instruction_of(Instruct.Request(task="caption")).task == "caption"
    with pytest.raises(InstructionError, match="empty"):
        instruction_of(Instruct.Request())


def test_a_turned_region_is_refused() -> None:
    region = BoundingBox2D(size_x=2.0, size_y=2.0)
    region.center.theta = 0.1
    with pytest.raises(InstructionError, match=r"turned by 0\.1 rad") as caught:
        instruction_of(Instruct.Request(instruction="look", region=region))
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_every_field_of_an_answer_arrives() -> None:
    answer = Answer(
        text="here",
        detections=(Detection(Box(10, 20, 30, 60), "cup", 0.5),),
        cuboids=(Cuboid("box", (1, 2, 3), (0.1, 0.2, 0.3), (1, 0, 0, 0), 0.25),),
        keypoints=(PointSet("person", Box(0, 0, 4, 4), (Point("nose", 1.5, 2.5, 0.5, False),)),),
        pictures=(Picture("mask", np.array([[0, 255]], np.uint8), "cup", 0.75),),
        audio=(np.array([0.5, -0.5], np.float32),),
        options=("a", "b"),
        scores=(-1.5, -2.5),
        timings=Timings(0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4),
        model="tiny",
        synthetic_weights=True,
    )
    message = result_message(answer, "look", HEADER)
    assert message.header == HEADER
    assert (message.error_code, message.error_msg, message.text) == (0, "", "here")
    (found,) = message.detections.detections
    assert found.results[0].hypothesis.class_id == "cup"
    assert found.results[0].hypothesis.score == 0.5
    center, size = found.bbox.center.position, (found.bbox.size_x, found.bbox.size_y)
    assert (center.x, center.y, *size) == (20.0, 40.0, 20.0, 40.0)
    (body,) = message.detections_3d.detections
    assert (body.bbox.center.position.z, body.bbox.size.y) == (3.0, 0.2)
    assert body.bbox.center.orientation.w == 1.0
    (points,) = message.keypoints.sets
    (nose,) = points.keypoints
    assert (points.label, nose.name, nose.x, nose.y) == ("person", "nose", 1.5, 2.5)
    assert (nose.score, nose.visible) == (0.5, False)
    assert (message.image_roles, message.images[0].encoding) == (["mask"], "mono8")
    assert (message.image_labels, list(message.image_scores)) == (["cup"], [0.75])
    assert np.frombuffer(message.audio[0].data, "<f4").tolist() == [0.5, -0.5]
    assert (message.options, list(message.scores)) == (["a", "b"], [-1.5, -2.5])
    for number, field in enumerate(fields(Timings), start=1):
        expected = number / 2 if field.name != "tokens" else 4
        assert getattr(message.timings, field.name) == expected
    assert (message.model, message.synthetic_weights) == ("tiny", True)


def test_plan_keeps_its_frame_and_the_stamp_of_the_picture() -> None:
    steps = (
        Step(ActionKind.PUSH, "push", Pose2D(0.5, -0.25, math.pi / 2), Pose2D(0.75, 0, 0)),
        Step(ActionKind.CONTINUOUS, "arm", None, None, ("x", "y"), (0.5, 1.5), 1.25),
    )
    answer = Answer(plan=TaskPlan("vima", steps, "base_link"))
    plan = result_message(answer, "push it", HEADER).plan
    assert (plan.header.stamp, plan.header.frame_id) == (HEADER.stamp, "base_link")
    assert (plan.instruction, plan.action_space) == ("push it", "vima")
    push, move = plan.steps
    assert (push.kind, push.start.position.y) == (ActionStep.PUSH, -0.25)
    assert push.start.orientation.z == pytest.approx(math.sqrt(0.5))
    assert (move.dimension_names, list(move.values)) == (["x", "y"], [0.5, 1.5])
    assert (move.time_from_start.sec, move.time_from_start.nanosec) == (1, 250_000_000)


def test_a_space_without_a_frame_speaks_of_the_picture() -> None:
    answer = Answer(plan=TaskPlan("own", ()))
    assert result_message(answer, "", HEADER).plan.header.frame_id == "camera"


@pytest.mark.parametrize("yaw", [0.0, 1.0, math.pi, -2.5])
def test_yaw_is_a_turn_about_the_vertical(yaw: float) -> None:
    q = planar_message(Pose2D(0, 0, yaw)).orientation
    assert (q.x, q.y) == (0.0, 0.0)
    turned = math.atan2(2 * q.w * q.z, 1 - 2 * q.z * q.z)
    assert math.cos(turned - yaw) == pytest.approx(1)


def test_images_round_trip() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(image_to_rgb(image_message(pixels, HEADER)), pixels)
    depth = image_message(np.ones((2, 4), np.float32), HEADER)
    assert (depth.encoding, depth.step, len(depth.data)) == ("32FC1", 16, 32)
    with pytest.raises(ValueError, match="expected"):
        image_message(np.ones((2, 2), np.int64), HEADER)


def test_an_answer_without_anything_is_a_message() -> None:
    message = result_message(Answer.failed(ErrorCode.BUSY, "full"), "look", HEADER)
    assert (message.error_code, message.error_msg) == (InstructionResult.BUSY, "full")
    assert not message.detections.detections
    assert not message.plan.steps
