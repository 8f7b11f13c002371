"""Pictures, sound and frames of an answer arrive over DDS, latched where that is promised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from nodes.robot import LATCHED, Robot, header, wait_until
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage
from uio2_ros.msg import AudioChunk
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from uio2_ros.messages.answers import result_message
from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.nodes.agent.publishers import AnswerPublishers
from uio2_ros.nodes.parameters import declare_parameters
from uio2_ros.robot.action_space import action_space_folder, load_action_spaces
from uio2_ros.robot.answer import Answer, Cuboid, Picture
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.settings import Effect

pytestmark = pytest.mark.ros

HEADER = header(7_000_000_001, "camera")
CAMERA = CameraModel(4, 3, 2.0, 2.0, 2.0, 1.5)
OUTPUTS = ("text", "images", "detections_3d", "plan", "audio")


@dataclass(frozen=True)
class Speaker:
    """An active node with the topics of answers."""

    node: Any
    publishers: AnswerPublishers

    def heard_by(self, robot: Robot, topic: str, kind: type) -> None:
        """Lets somebody listen, and waits until the topic's publisher knows it."""
        (publisher,) = (each for each in self.node.publishers if each.topic_name == topic)
        before = publisher.get_subscription_count()
        robot.listen(topic, kind)
        wait_until(lambda: publisher.get_subscription_count() > before, f"a reader of {topic}")

    def say(self, answer: Answer, camera: CameraModel | None = CAMERA) -> None:
        message = result_message(answer, "look", HEADER)
        self.publishers.publish(answer, message, OUTPUTS, camera)

    def set(self, name: str, value: bool | str) -> None:
        self.node.set_parameters([Parameter(name, value=value)])


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = LifecycleNode("agent", context=context)
    declare_parameters(node, AgentSettings, Effect.CONFIGURE)
    publishers = AnswerPublishers(node)
    node.trigger_configure()
    node.trigger_activate()
    yield Speaker(node, publishers)
    node.destroy_node()
    context.try_shutdown()


def mask(label: str, score: float) -> Picture:
    pixels = np.zeros((3, 4), np.uint8)
    pixels[1] = 255
    return Picture("mask", pixels, label, score)


def test_masks_are_one_image_whose_labels_are_latched(speaker: Speaker, robot: Robot) -> None:
    speaker.heard_by(robot, "/mask", Image)
    speaker.say(Answer(pictures=(mask("cup", 0.25), mask("tray", 0.75))))
    labels = robot.heard("/mask")
    assert (labels.encoding, labels.header) == ("mono8", HEADER)
    assert bytes(labels.data) == bytes([0] * 4 + [2] * 4 + [0] * 4)
    robot.listen("/mask_info", LabelInfo, LATCHED)  # later than it was said
    classes = robot.heard("/mask_info").class_map
    assert [entry.class_name for entry in classes] == ["background", "cup", "tray"]


def test_depth_comes_with_the_intrinsics_of_its_picture(speaker: Speaker, robot: Robot) -> None:
    speaker.heard_by(robot, "/depth", Image)
    speaker.heard_by(robot, "/depth/camera_info", CameraInfo)
    answer = Answer(pictures=(Picture("depth", np.full((3, 4), 1.5, np.float32)),))
    speaker.say(answer)
    assert robot.heard("/depth").encoding == "32FC1"
    info = robot.heard("/depth/camera_info")
    assert (info.header, info.k[0], info.width) == (HEADER, 2.0, 4)
    speaker.set("depth_millimetres", True)
    try:
        speaker.say(answer)
        depth = robot.heard("/depth", lambda message: message.encoding == "16UC1")
        assert np.frombuffer(depth.data, "<u2").tolist() == [1500] * 12
    finally:
        speaker.set("depth_millimetres", False)


def test_depth_comes_without_the_intrinsics_of_another_picture(
    speaker: Speaker, robot: Robot
) -> None:
    speaker.heard_by(robot, "/depth/camera_info", CameraInfo)
    answer = Answer(pictures=(Picture("depth", np.full((3, 4), 1.5, np.float32)),))
    speaker.say(answer, replace(CAMERA, width=8, height=6))
    speaker.say(answer)
    first = robot.heard("/depth/camera_info")
    assert (first.width, first.height) == (4, 3)


def test_normals_pictures_and_sound_have_topics(speaker: Speaker, robot: Robot) -> None:
    speaker.heard_by(robot, "/normals", Image)
    speaker.heard_by(robot, "/generated_image", Image)
    speaker.heard_by(robot, "/generated_audio", AudioChunk)
    normals = Picture("normals", np.zeros((3, 4, 3), np.float32))
    made = Picture("generated", np.zeros((8, 8, 3), np.uint8))
    speaker.say(Answer(pictures=(normals, made), audio=(np.array([0.5], np.float32),)))
    assert robot.heard("/normals").encoding == "32FC3"
    assert robot.heard("/generated_image").width == 8
    sound = robot.heard("/generated_audio")
    assert (sound.sample_rate, sound.channels, sound.encoding) == (16000, 1, AudioChunk.F32LE)
    assert np.frombuffer(sound.data, "<f4").tolist() == [0.5]


def test_poses_are_frames_only_if_asked_for(speaker: Speaker, robot: Robot) -> None:
    speaker.heard_by(robot, "/tf", TFMessage)
    speaker.heard_by(robot, "/detections_3d", Detection3DArray)
    step = Step(ActionKind.PICK_PLACE, "pick and place", Pose2D(0.5, 0, 0), Pose2D(0.3, 0, 0))
    answer = Answer(
        cuboids=(Cuboid("cup", (0.0, 0.1, 1.0), (0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0)),),
        plan=TaskPlan("vima", (step,), "base_link"),
    )
    speaker.say(answer)
    robot.heard("/detections_3d")
    assert not robot.has_heard("/tf", bool, 0.3)
    speaker.set("publish_tf", True)
    try:
        speaker.say(answer)
    finally:
        speaker.set("publish_tf", False)
    cuboid, pick, place = robot.heard("/tf").transforms
    assert (cuboid.header, cuboid.child_frame_id) == (HEADER, "answer_cuboid_0")
    assert cuboid.transform.translation.z == 1.0
    assert [pick.child_frame_id, place.child_frame_id] == ["answer_pick_0", "answer_place_0"]
    assert pick.header.frame_id == "base_link"


def test_paths_are_those_of_the_action_spaces_the_agent_was_given(
    speaker: Speaker, robot: Robot, tmp_path: Path
) -> None:
    known = action_space_folder() / "pointnav.yaml"
    (tmp_path / "own.yaml").write_text(known.read_text().replace("name: pointnav", "name: own"))
    speaker.heard_by(robot, "/markers", MarkerArray)
    space = load_action_spaces()["pointnav"]
    step = Step(
        ActionKind.DISCRETE,
        "forward",
        dimension_names=space.dimension_names,
        values=space.action("forward").values,
    )
    plan = TaskPlan("own", (step,), "base_link")

    def said() -> list[str]:
        robot.forget()
        speaker.say(Answer(plan=plan))
        return [marker.ns for marker in robot.heard("/markers").markers]

    assert "path" not in said()
    speaker.set("action_spaces", str(tmp_path))
    try:
        assert "path" in said()
    finally:
        speaker.set("action_spaces", "")


def test_who_comes_later_has_the_last_markers(speaker: Speaker, robot: Robot) -> None:
    cuboid = Cuboid("late", (0.0, 0.1, 1.0), (0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0))
    speaker.say(Answer(cuboids=(cuboid,)))
    robot.listen("/markers", MarkerArray, LATCHED)
    assert robot.heard("/markers").markers[-1].text == "late"
