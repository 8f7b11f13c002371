"""Messages become the dataclasses that they were made from."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Header

from uio2_ros.messages.answers import answer_of, result_message
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet, Timings
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

RANDOM = np.random.default_rng(0)
MASK = RANDOM.integers(0, 2, (4, 6), dtype=np.uint8) * 255
DEPTH = RANDOM.uniform(0.5, 3, (4, 6)).astype(np.float32)
NORMALS = RANDOM.uniform(-1, 1, (4, 6, 3)).astype(np.float32)
RGB = RANDOM.integers(0, 256, (4, 6, 3), dtype=np.uint8)
ANSWER = Answer(
    task="plan",
    text="cup",
    detections=(Detection(Box(1, 2, 31, 42), "cup", 0.5),),
    cuboids=(Cuboid("cup", (0.1, 0.2, 1.5), (0.08, 0.1, 0.08), (0.5, 0.5, 0.5, 0.5), 0.25),),
    keypoints=(PointSet("person", Box(0, 0, 8, 8), (Point("nose", 3, 4, 0.5, False),)),),
    pictures=(
        Picture("mask", MASK, "cup", 0.75),
        Picture("depth", DEPTH),
        Picture("normals", NORMALS),
        Picture("generated", RGB),
    ),
    audio=(RANDOM.uniform(-1, 1, 100).astype(np.float32),),
    plan=TaskPlan(
        "vima",
        (
            Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.5, 0.1, 0.25), Pose2D(0.4, -0.1, -3)),
            Step(
                ActionKind.CONTINUOUS,
                "move",
                dimension_names=("x", "grip"),
                values=(0.5, 1.0),
                time_from_start_s=1.25,
            ),
        ),
        "base_link",
    ),
    options=("cup", "plate"),
    scores=(-0.5, -1.5),
    timings=Timings(queue=0.5, total=1.5, tokens=7),
    model="synthetic",
    synthetic_weights=True,
)
HEADER = Header(frame_id="camera")
HEADER.stamp.sec, HEADER.stamp.nanosec = 12, 34


def test_everything_comes_back() -> None:
    message = result_message(ANSWER, "put it away", HEADER)
    answer = answer_of(message, "plan")
    for name in ("task", "text", "detections", "cuboids", "keypoints", "options", "scores"):
        assert getattr(answer, name) == getattr(ANSWER, name), name
    for name in ("timings", "model", "synthetic_weights", "error_code", "error_msg"):
        assert getattr(answer, name) == getattr(ANSWER, name), name
    assert (answer.stamp_ns, answer.frame_id) == (12_000_000_034, "camera")
    assert answer.message is message


def test_pictures_and_sound_come_back_to_the_bit() -> None:
    answer = answer_of(result_message(ANSWER, "", HEADER), "")
    for ours, theirs in zip(answer.pictures, ANSWER.pictures, strict=True):
        assert (ours.role, ours.label, ours.score) == (theirs.role, theirs.label, theirs.score)
        assert ours.pixels.dtype == theirs.pixels.dtype
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    np.testing.assert_array_equal(answer.audio[0], ANSWER.audio[0])


def test_plan_comes_back() -> None:
    plan = answer_of(result_message(ANSWER, "", HEADER), "").plan
    assert plan is not None
    assert ANSWER.plan is not None
    assert (plan.action_space, plan.frame_id) == ("vima", "base_link")
    assert plan.steps[1] == ANSWER.plan.steps[1]
    for ours, theirs in ((plan.steps[0], ANSWER.plan.steps[0]),):
        assert ours.start is not None
        assert theirs.start is not None
        assert ours.start.yaw == pytest.approx(theirs.start.yaw)
        assert (ours.start.x, ours.start.y) == (theirs.start.x, theirs.start.y)


def test_an_answer_without_plan_has_none() -> None:
    assert answer_of(result_message(Answer(text="yes"), "", HEADER), "vqa").plan is None


def test_rows_may_be_padded_and_big_endian() -> None:
    message = result_message(Answer(pictures=(Picture("depth", DEPTH),)), "", HEADER)
    image = message.images[0]
    padded = np.zeros((4, 40), np.uint8)
    padded[:, :24] = DEPTH.astype(">f4").view(np.uint8)
    image.data, image.step, image.is_bigendian = padded.tobytes(), 40, 1
    np.testing.assert_array_equal(answer_of(message, "").pictures[0].pixels, DEPTH)


def test_pictures_that_are_none_are_refused() -> None:
    message = result_message(Answer(pictures=(Picture("mask", MASK),)), "", HEADER)
    message.images[0].encoding = "bayer_rggb8"
    with pytest.raises(InvalidInputError, match="bayer_rggb8"):
        answer_of(message, "")
    message.images[0].encoding = "32FC3"
    with pytest.raises(InvalidInputError, match="need at least 72"):
        answer_of(message, "")
    message = result_message(ANSWER, "", HEADER)
    message.audio[0].channels = 2
    with pytest.raises(InvalidInputError, match="2 channels"):
        answer_of(message, "")
