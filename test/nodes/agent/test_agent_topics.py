"""What the agent publishes, and how it listens."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nodes.agent_process import AgentProcess
from nodes.robot import LATCHED, Robot, as_bytes, done, header, wait_until
from patience import patient
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger
from uio2_ros.action import InstructAbout
from uio2_ros.msg import HistoryState, InstructionResult, KeypointArray, Plan
from uio2_ros.srv import ListTasks
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module", autouse=True)
def listening(agent: AgentProcess, robot_of_module: Robot) -> None:
    """The agent knows who listens to what it answers."""
    del agent
    robot = robot_of_module
    robot.calibrate((50, 32, 50, 24))
    topics = {"/agent/result": InstructionResult, "/markers": MarkerArray}
    for topic, kind, task in (
        ("/detections", Detection2DArray, "refexp"),
        ("/agent/plan", Plan, "next_action"),
        ("/keypoints", KeypointArray, "keypoints"),
    ):
        robot.show()
        robot.listen_until_heard({topic: kind, **topics}, partial(robot.ask, "cup", task=task))
        topics = {}


@pytest.fixture(autouse=True)
def clean_history(agent: AgentProcess, robot: Robot) -> None:
    del agent
    assert robot.call(Trigger, "/agent/clear_history", Trigger.Request()).success


@pytest.fixture
def audio_msgs() -> Any:
    """The messages of audio_common_msgs, which not every ROS has installed."""
    return pytest.importorskip("audio_common_msgs.msg")


def status(message: DiagnosticArray, name: str) -> DiagnosticStatus | None:
    return next((status for status in message.status if status.name == f"agent: {name}"), None)


def shows(heard: MarkerArray, picture: Image) -> bool:
    return bool(heard.markers[0].header == picture.header)


def reading(message: DiagnosticArray, name: str, key: str) -> str:
    found = status(message, name)
    values = {} if found is None else {value.key: value.value for value in found.values}
    return values.get(key, "")


def test_detection_carries_the_header_of_its_picture(robot: Robot) -> None:
    robot.listen("/debug_image", Image, LATCHED)
    shown = robot.show(age_s=0.5)
    result = robot.ask("the cup", task="refexp")
    assert result.synthetic_weights
    assert result.model
    assert result.header == shown.header
    detections = robot.heard("/detections", lambda heard: heard.header == shown.header)
    assert detections == result.detections
    assert detections.header == shown.header
    (found,) = detections.detections
    assert (found.results[0].hypothesis.class_id, found.header) == ("the cup", shown.header)
    assert 0 <= found.bbox.center.position.x <= 64
    assert robot.heard("/agent/result", lambda heard: heard.header == shown.header) == result

    markers = robot.heard("/markers", lambda heard: shows(heard, shown)).markers
    assert markers[0].action == Marker.DELETEALL
    assert {marker.type for marker in markers[1:]} == {Marker.LINE_STRIP, Marker.TEXT_VIEW_FACING}
    assert len({marker.id for marker in markers}) == len(markers)

    drawing = robot.heard("/debug_image", lambda message: message.header == shown.header)
    assert (drawing.encoding, drawing.width) == ("rgb8", 480)
    assert drawing.height > 360


def test_timings_add_up(robot: Robot) -> None:
    robot.show()
    began_s = time.monotonic()
    timings = robot.ask("the cup", task="localize").timings
    took_s = time.monotonic() - began_s
    parts = timings.queue + timings.preprocess + timings.encode + timings.decode
    assert 0 < timings.first_token <= timings.decode
    assert 0 < parts <= timings.total <= took_s
    assert timings.tokens > 4


def test_plan_is_in_the_frame_of_its_action_space(robot: Robot) -> None:
    shown = robot.show()
    result = robot.ask("put the cup on the tray", task="next_action")
    plan = robot.heard("/agent/plan", lambda heard: heard.header.stamp == shown.header.stamp)
    assert plan == result.plan
    assert plan.header.stamp == shown.header.stamp
    assert plan.header.frame_id == "base_link"
    assert plan.instruction == "put the cup on the tray"
    (step,) = plan.steps
    assert 0.25 <= step.start.position.x <= 0.75
    markers = robot.heard("/markers", lambda heard: shows(heard, shown)).markers
    drawn = [marker for marker in markers if marker.ns in ("pick_place", "push")]
    assert [marker.type for marker in drawn].count(Marker.ARROW) == 1
    assert {marker.header.frame_id for marker in drawn} == {"base_link"}


def test_keypoints_are_published(robot: Robot) -> None:
    shown = robot.show()
    robot.ask("", task="keypoints")
    robot.heard("/keypoints", lambda heard: heard.header == shown.header)


def test_a_failed_answer_is_no_empty_detection(robot: Robot) -> None:
    shown = robot.show(encoding="rgb9")
    robot.ask("the cup", task="refexp")
    assert not robot.has_heard("/detections", lambda heard: heard.header == shown.header, 0.5)


def about(robot: Robot, instruction: str, task: str, picture: bytes) -> InstructionResult:
    """The result of an instruction about a picture that is sent along."""
    assert robot.about.wait_for_server(patient(30))
    goal = InstructAbout.Goal(instruction=instruction, task=task, timeout=patient(60))
    goal.picture = CompressedImage(header=header(5, "elsewhere"), data=picture)
    handle = done(robot.about.send_goal_async(goal))
    assert handle.accepted
    return done(handle.get_result_async()).result.result


def test_an_answer_about_a_picture_that_was_sent_is_nothing_that_the_camera_sees(
    robot: Robot,
) -> None:
    shown = robot.show()
    _, jpeg = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))
    result = about(robot, "the cup", "refexp", jpeg.tobytes())
    assert (result.error_code, result.error_msg) == (ErrorCode.NONE, "")
    assert result.header == header(5, "elsewhere")
    box = result.detections.detections[0].bbox
    assert box.center.position.x + box.size_x / 2 <= 160
    planned = about(robot, "put the cup on the tray", "next_action", jpeg.tobytes())
    assert planned.plan.header.stamp == header(5).stamp
    assert robot.heard("/agent/result", lambda heard: heard == planned)
    robot.ask("the cup", task="refexp")  # what comes after it on the topics is the camera's again
    assert robot.heard("/detections").header == shown.header
    assert not robot.has_heard("/agent/plan", lambda _: True, 0.2)


@pytest.mark.parametrize(
    ("task", "picture", "code", "told"),
    [
        ("refexp", b"no picture", ErrorCode.INVALID_INPUT, "the picture that was sent along"),
        ("audio_caption", b"", ErrorCode.INVALID_REQUEST, "not about a picture alone"),
        ("cuboids", b"", ErrorCode.INVALID_INPUT, "the picture that was sent along"),
    ],
)
def test_what_cannot_be_asked_about_a_picture_that_is_sent_is_refused(
    robot: Robot, task: str, picture: bytes, code: ErrorCode, told: str
) -> None:
    result = about(robot, "cup", task, picture)
    assert result.error_code == code
    assert told in result.error_msg


def test_history_state_is_latched_and_counts(robot: Robot) -> None:
    for age_s in (1.9, 1.8, 0.5):
        robot.show(age_s=age_s)
    robot.listen("/history_state", HistoryState, LATCHED)
    state = robot.heard("/history_state", lambda state: state.frames == 2)
    assert dict(zip(state.drop_causes, state.drops, strict=True)) == {"picture not_due": 1}
    assert 1.0 < state.frame_span < 2.0


def test_refused_requests_are_results_too(robot: Robot) -> None:
    refused = robot.ask("the cup", task="no such task")
    assert ErrorCode(refused.error_code) is ErrorCode.UNKNOWN_TASK
    assert robot.heard("/agent/result") == refused


def test_tasks_are_listed(robot: Robot) -> None:
    response = robot.call(ListTasks, "/agent/list_tasks", ListTasks.Request())
    by_name = {task.name: task for task in response.tasks}
    assert {"", "refexp", "localize", "keypoints", "vqa", "plan"} <= set(by_name)
    assert by_name["refexp"].needs_image
    assert list(by_name["refexp"].outputs) == ["text", "detections"]
    assert {"vima", "pointnav"} <= set(response.action_spaces)


def test_action_streams_and_succeeds(robot: Robot) -> None:
    shown = robot.show()
    feedback: list[Any] = []
    goal = robot.order("the cup", lambda heard: feedback.append(heard.feedback), task="localize")
    response = done(goal.get_result_async())
    assert response.status == GoalStatus.STATUS_SUCCEEDED
    assert response.result.result.header == shown.header
    assert max(item.tokens for item in feedback) > 4
    assert "generating" in {item.stage for item in feedback}
    assert max(len(item.text) for item in feedback) > 0
    assert 0 < feedback[0].elapsed < feedback[-1].elapsed


def test_cancelled_goal_ends_at_the_next_token(robot: Robot) -> None:
    robot.show()
    goal = robot.endless_order()
    done(goal.cancel_goal_async())
    response = done(goal.get_result_async())
    assert response.status == GoalStatus.STATUS_CANCELED
    result = response.result.result
    assert (ErrorCode(result.error_code), bool(result.error_msg)) == (ErrorCode.CANCELED, True)
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0


def test_failed_goal_is_aborted_with_its_reason(robot: Robot) -> None:
    response = done(robot.order("the cup", task="refexp").get_result_async())
    assert response.status == GoalStatus.STATUS_ABORTED
    assert ErrorCode(response.result.result.error_code) is ErrorCode.NO_INPUT


def test_diagnostics_tell_of_model_and_pictures(robot: Robot) -> None:
    robot.listen("/diagnostics", DiagnosticArray)
    for _ in range(5):
        robot.show()
    message = robot.heard(
        "/diagnostics", lambda m: float(reading(m, "pictures", "rate (Hz)") or 0) > 0
    )
    model = status(message, "model")
    assert model is not None
    assert (model.level, "synthetic" in model.message) == (DiagnosticStatus.WARN, True)
    assert reading(message, "model", "state") == "ready"
    assert 0 <= float(reading(message, "pictures", "age (s)")) < 60
    assert float(reading(message, "pictures", "callback p99 (ms)")) > 0


def test_publishers_qos_is_adopted_and_a_mixture_is_named(robot: Robot) -> None:
    robot.listen("/diagnostics", DiagnosticArray)
    robot.unpublish("image")
    reliable = QoSProfile(depth=2)
    publisher = robot.node.create_publisher(Image, "image", reliable)
    try:
        robot.heard("/diagnostics", lambda m: reading(m, "pictures", "qos") == "reliable, volatile")
        robot.show()  # from a best-effort publisher beside it
        message = robot.heard(
            "/diagnostics",
            lambda m: (found := status(m, "pictures")) is not None and "differ" in found.message,
        )
        assert reading(message, "pictures", "qos") == "best effort, volatile"
        robot.show()
        assert robot.ask("the cup", task="refexp").error_code == 0
    finally:
        robot.node.destroy_publisher(publisher)


def test_another_type_on_the_topic_is_named(robot: Robot) -> None:
    robot.listen("/diagnostics", DiagnosticArray)

    def is_named(message: DiagnosticArray) -> bool:
        found = status(message, "pictures")
        return found is not None and "CompressedImage, but sensor_msgs/msg/Image" in found.message

    with Robot() as another:  # one participant cannot have two types on a topic
        another.node.create_publisher(CompressedImage, "image", 1)
        robot.heard("/diagnostics", is_named)


def test_other_sound_messages_are_heard(robot: Robot, audio_msgs: Any) -> None:
    if "audio" in robot._publishers:
        robot.unpublish("audio")
    robot.listen("/history_state", HistoryState)
    publisher = robot.node.create_publisher(audio_msgs.AudioDataStamped, "audio", 10)
    try:
        wait_until(lambda: publisher.get_subscription_count() > 0, "the agent to adopt the type")
        message = audio_msgs.AudioDataStamped(header=header(robot.now_ns() - 10**9))
        message.audio.data = as_bytes(np.zeros(16000, "<i2"))
        publisher.publish(message)
        robot.heard("/history_state", lambda state: 0.99 < state.audio_span < 1.01)
    finally:
        robot.node.destroy_publisher(publisher)


def test_audio_info_tells_what_other_sound_messages_are(robot: Robot, audio_msgs: Any) -> None:
    if "audio" in robot._publishers:
        robot.unpublish("audio")
    robot.listen("/history_state", HistoryState)
    publisher = robot.node.create_publisher(audio_msgs.AudioDataStamped, "audio", 10)
    teller = robot.node.create_publisher(audio_msgs.AudioInfo, "audio_info", LATCHED)
    try:
        teller.publish(
            audio_msgs.AudioInfo(
                channels=2, sample_rate=32000, sample_format="S16LE", coding_format="wave"
            )
        )
        wait_until(lambda: publisher.get_subscription_count() > 0, "the agent to adopt the type")
        wait_until(lambda: teller.get_subscription_count() > 0, "the agent to be told")

        def is_two_seconds_long(state: HistoryState) -> bool:
            return 1.9 < state.audio_span < 2.05  # the resampler lags

        def is_read_as_told() -> bool:
            """At the latest when the agent has taken over the QoS of who tells it."""
            robot.call(Trigger, "/agent/clear_history", Trigger.Request())
            message = audio_msgs.AudioDataStamped(header=header(robot.now_ns() - 2 * 10**9))
            message.audio.data = as_bytes(np.zeros((64000, 2), "<i2"))
            publisher.publish(message)
            return robot.has_heard("/history_state", is_two_seconds_long, 1.0)

        wait_until(is_read_as_told, "sound to be read as it is told")
    finally:
        for each in (publisher, teller):
            robot.node.destroy_publisher(each)
