"""What an instruction is about, under clocks that jump and clocks that stand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from nodes.agent_process import private_domain
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from uio2_ros.history.memory import HeapMemory
from uio2_ros.nodes.agent.observations import Observations
from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.time import to_ns
from uio2_ros.tasks.registry import task_named

pytestmark = pytest.mark.ros

MAX_AGE_S = 2.0


@pytest.fixture
def node() -> Iterator[Node]:
    """One whose time is simulated, with somebody who may publish it."""
    with pytest.MonkeyPatch.context() as patch:
        private_domain(patch)
        context = rclpy.Context()
        rclpy.init(context=context)
        node = rclpy.create_node("agent", context=context, enable_rosout=False)
        node.get_clock()._set_ros_time_is_active(True)
        yield node
        node.destroy_node()
        context.try_shutdown()


def set_time(node: Node, seconds: float) -> None:
    node.get_clock().set_ros_time_override(
        Time(nanoseconds=to_ns(seconds), clock_type=ClockType.ROS_TIME)
    )


@pytest.fixture
def observations(node: Node) -> Iterator[Observations]:
    publisher = node.create_publisher(Clock, "/clock", 1)
    set_time(node, 100.0)
    observations = Observations(node, AgentSettings(), HeapMemory(), lambda: None, lambda: None)
    show(observations, 100.0)
    yield observations
    observations.forget_clock()
    node.destroy_publisher(publisher)


def show(observations: Observations, stamp_s: float) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    observations.frames.offer(to_ns(stamp_s), "camera", lambda: pixels)


def refusal(observations: Observations, task: str = "caption") -> InstructionError:
    with pytest.raises(InstructionError) as caught:
        observations.observe(task_named(task), MAX_AGE_S)
    return caught.value


def test_a_picture_of_now_is_observed(observations: Observations) -> None:
    seen = observations.observe(task_named("caption"), MAX_AGE_S)
    assert seen.observation.image is not None
    seen.snapshot.release()


def test_what_was_observed_before_time_jumped_back_is_forgotten(
    node: Node, observations: Observations
) -> None:
    observations.audio.push(to_ns(100.0), np.ones(16000, np.float32), 16000)
    set_time(node, 99.0)
    assert refusal(observations).code is ErrorCode.NO_INPUT
    assert refusal(observations, "audio_caption").code is ErrorCode.NO_INPUT
    show(observations, 99.0)
    observations.observe(task_named("caption"), MAX_AGE_S).snapshot.release()


def test_what_came_before_the_news_of_the_jump_is_kept(
    node: Node, observations: Observations
) -> None:
    observations.clear()
    show(observations, 50.0)
    observations.audio.push(to_ns(49.0), np.ones(16000, np.float32), 16000)
    set_time(node, 50.0)
    seen = observations.observe(task_named(""), MAX_AGE_S)
    assert seen.observation.image is not None
    assert seen.observation.audio is not None
    seen.snapshot.release()


def test_a_clock_that_goes_back_by_its_jitter_forgets_nothing(
    node: Node, observations: Observations
) -> None:
    set_time(node, 99.95)
    observations.observe(task_named("caption"), MAX_AGE_S).snapshot.release()


def test_sound_of_the_future_is_not_shown_beside_a_picture(
    node: Node, observations: Observations
) -> None:
    set_time(node, 105.0)
    observations.audio.push(to_ns(104.0), np.ones(16000, np.float32), 16000)
    show(observations, 105.0)
    task = task_named("")
    seen = observations.observe(task, MAX_AGE_S)
    assert seen.observation.audio is not None
    seen.snapshot.release()
    observations.audio.clear()
    observations.audio.push(to_ns(104.8), np.ones(32000, np.float32), 16000)
    seen = observations.observe(task, 1.0)
    assert seen.observation.audio is None
    seen.snapshot.release()


def test_time_that_nobody_publishes_any_more_stands(node: Node, observations: Observations) -> None:
    assert observations.clock_problem() == ""
    for publisher in list(node.publishers):
        if publisher.topic_name == "/clock":
            node.destroy_publisher(publisher)
    error = refusal(observations)
    assert error.code is ErrorCode.STALE_INPUT
    assert "nothing comes on /clock" in error.message
    assert "stands at 100 s" in error.message
    assert observations.clock_problem() == error.message


def test_without_any_time_there_is_no_input(node: Node) -> None:
    observations = Observations(node, AgentSettings(), HeapMemory(), lambda: None, lambda: None)
    show(observations, 10.0)
    error = refusal(observations)
    observations.forget_clock()
    assert error.code is ErrorCode.NO_INPUT
    assert "there is no time yet" in error.message
    assert "use_sim_time" in error.message
