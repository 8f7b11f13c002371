"""In real time the simulator is a robot that a bridge can move: pictures, poses, velocities."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TwistStamped
from nodes.simulator.spectator import Spectator
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Header, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from uio2_ros.msg import SimulatedObject, SimulationState

pytestmark = pytest.mark.ros

RATE = 4.0
JOINTS = ["tool_x", "tool_y", "tool_z", "tool_yaw"]
Send = Callable[[Any], None]


@pytest.fixture(scope="module", autouse=True)
def simulator(start: Callable[..., Any], spectator: Spectator) -> Any:
    process = start(rate=RATE, image_rate=5.0, diagnostics_period=0.2)
    for topic, kind in {
        "image": Image,
        "step_done": Bool,
        "joint_states": JointState,
        "/diagnostics": DiagnosticArray,
    }.items():
        spectator.listen(topic, kind)
    spectator.listen("instruction", String, latched=True)
    spectator.wait("instruction", lambda heard: len(heard) > 0)
    return process


@pytest.fixture(scope="module")
def pick(spectator: Spectator) -> Send:
    return spectator.publisher("pick_pose", PoseStamped)


@pytest.fixture(scope="module")
def place(spectator: Spectator) -> Send:
    return spectator.publisher("place_pose", PoseStamped)


def begin(spectator: Spectator, task: str, seed: int = 1) -> SimulationState:
    answer = spectator.call("reset", task=task, seed=seed)
    assert answer.success, answer.message
    spectator.forget(until=answer.state.header.stamp)
    return answer.state


def down(x: float, y: float, z: float = 0.02, frame: str = "base_link") -> PoseStamped:
    """A tool that points down, as the bridge says it."""
    pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=1.0, w=0.0))
    return PoseStamped(header=Header(frame_id=frame), pose=pose)


def thing(state: SimulationState, name: str) -> SimulatedObject:
    return next(each for each in state.objects if each.name == name)


def seconds(stamp: Any) -> float:
    return float(stamp.sec + stamp.nanosec * 1e-9)


def test_pictures_come_at_the_rate_of_the_simulated_time(spectator: Spectator) -> None:
    began_s = time.monotonic()
    begin(spectator, "put")
    images = spectator.wait("image", lambda heard: len(heard) >= 20)
    stamps = [seconds(image.header.stamp) for image in images[-20:]]
    periods = [(late - early) / 0.2 for early, late in pairwise(stamps)]
    assert periods == pytest.approx([max(1, round(each)) for each in periods], abs=0.025)
    assert min(periods) == pytest.approx(1.0, abs=0.025)  # who is busy misses one now and then
    assert time.monotonic() - began_s > 19 / 5.0 / RATE * 0.7  # and not as fast as it goes


def test_a_pick_and_a_place_pose_move_an_object(
    spectator: Spectator, pick: Send, place: Send
) -> None:
    before = begin(spectator, "stack")
    cube = next(each for each in before.objects if "cube" in each.name)
    at = cube.pose.position
    pick(down(at.x, at.y))
    place(down(0.7, 0.4, z=0.05))
    assert spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data
    state = spectator.state()
    moved = thing(state, cube.name).pose.position
    assert (moved.x, moved.y) == pytest.approx((0.7, 0.4), abs=0.02)
    assert state.steps == 1
    assert not state.moving


def test_poses_at_one_height_push(spectator: Spectator, pick: Send, place: Send) -> None:
    before = begin(spectator, "push", 2)
    pushed = before.objects[0]
    at = pushed.pose.position
    pick(down(at.x - 0.08, at.y))
    place(down(at.x + 0.03, at.y))
    assert spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data
    moved = thing(spectator.state(), pushed.name).pose.position
    assert moved.x > at.x + 0.03
    assert moved.y == pytest.approx(at.y, abs=0.03)


REFUSED = {
    "out of reach": (down(0.5, 0.0), down(5.0, 0.0, z=0.05), "out of the arm's reach"),
    "another frame": (down(0.5, 0.0, frame="map"), down(0.5, 0.1), "must be in base_link"),
    "tilted": (
        PoseStamped(pose=Pose(orientation=Quaternion(y=0.7, w=0.7))),
        down(0.5, 0.1),
        "cannot tilt",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_step_that_cannot_be_done_is_reported_as_failed(
    spectator: Spectator, pick: Send, place: Send, name: str
) -> None:
    begin(spectator, "put")
    from_pose, to_pose, problem = REFUSED[name]
    pick(from_pose)
    place(to_pose)
    assert not spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data
    spectator.wait("/diagnostics", lambda heard: any(problem in str(each) for each in heard))
    assert spectator.state().steps == 0


def test_stop_ends_a_step_where_the_arm_is_and_the_next_is_carried_out(
    spectator: Spectator, pick: Send, place: Send
) -> None:
    begin(spectator, "put")
    stop = spectator.publisher("trajectory_execution_event", String)
    pick(down(0.5, 0.3))
    place(down(0.5, -0.4, z=0.05))
    spectator.wait_state(lambda state: state.moving)
    stop(String(data="stop"))
    assert not spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data
    assert not spectator.state().moving
    spectator.forget()
    pick(down(0.5, 0.3))
    place(down(0.5, 0.4, z=0.05))
    assert spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data


def test_while_a_step_is_under_way_another_is_refused(
    spectator: Spectator, pick: Send, place: Send
) -> None:
    begin(spectator, "put")
    pick(down(0.5, 0.3))
    place(down(0.5, -0.4, z=0.05))
    spectator.wait_state(lambda state: state.moving)
    pick(down(0.5, 0.3))
    place(down(0.5, -0.4, z=0.05))
    done = spectator.wait("step_done", lambda heard: len(heard) > 1)
    assert [each.data for each in done] == [False, True]


def test_the_tool_follows_target_poses_and_trajectories_of_its_joints(
    spectator: Spectator,
) -> None:
    begin(spectator, "put")
    target = spectator.publisher("target_pose", PoseStamped)
    target(down(0.4, 0.2, z=0.25))
    spectator.wait_state(lambda state: _near(state, 0.4, 0.2, 0.25))
    follow = spectator.publisher("trajectory", JointTrajectory)
    point = JointTrajectoryPoint(positions=[0.5, -0.1, 0.2, 0.5])
    point.time_from_start.sec = 1
    follow(JointTrajectory(joint_names=JOINTS, points=[point]))
    spectator.wait_state(lambda state: _near(state, 0.5, -0.1, 0.2))
    joints = spectator.wait(
        "joint_states", lambda heard: bool(heard) and abs(heard[-1].position[3] - 0.5) < 0.01
    )
    assert list(joints[-1].name) == JOINTS


def _near(state: SimulationState, x: float, y: float, z: float) -> bool:
    at = state.robot.position
    return math.dist((at.x, at.y, at.z), (x, y, z)) < 0.01


def test_a_trajectory_of_another_arm_is_refused(spectator: Spectator) -> None:
    begin(spectator, "put")
    follow = spectator.publisher("trajectory", JointTrajectory)
    points = [JointTrajectoryPoint(positions=[0.0] * 7)]
    follow(JointTrajectory(joint_names=[f"joint_{i}" for i in range(1, 8)], points=points))
    spectator.wait(
        "/diagnostics",
        lambda heard: any("a gantry with the joints tool_x" in str(each) for each in heard),
    )


def test_velocities_drive_the_base_until_they_cease(spectator: Spectator) -> None:
    before = begin(spectator, "go_to", 2)
    drive = spectator.publisher("cmd_vel", TwistStamped)
    turn = TwistStamped()
    turn.twist.angular.z = 1.0
    drive(turn)
    turned = lambda state: math.remainder(_yaw(state) - _yaw(before), 2 * math.pi)  # noqa: E731
    after = spectator.wait_state(lambda state: turned(state) > 0.2 and not state.moving)
    assert turned(after) == pytest.approx(0.5, abs=0.05)
    assert after.header.frame_id == "odom"


def _yaw(state: SimulationState) -> float:
    return 2 * math.atan2(state.robot.orientation.z, state.robot.orientation.w)


WRONG_EPISODES = {
    "no such simulator task": ({"task": "fly"}, "no simulator task is called 'fly'"),
    "a negative seed": ({"seed": -1}, "must not be negative"),
    "no such split": ({"split": "test"}, "expected train or held-out"),
    "no such size": ({"width": 7}, "cannot be drawn"),
}


@pytest.mark.parametrize("name", list(WRONG_EPISODES))
def test_an_episode_that_does_not_exist_is_refused_and_the_present_one_goes_on(
    spectator: Spectator, name: str
) -> None:
    before = spectator.state()
    fields, problem = WRONG_EPISODES[name]
    answer = spectator.call("reset", **fields)
    assert not answer.success
    assert problem in answer.message
    assert spectator.state().instruction == before.instruction


def test_a_step_is_refused_where_time_passes_by_itself(spectator: Spectator) -> None:
    answer = spectator.call("step", seconds=1.0)
    assert not answer.success
    assert "lock_step" in answer.message


def test_a_reset_ends_what_is_under_way(spectator: Spectator, pick: Send, place: Send) -> None:
    begin(spectator, "put")
    pick(down(0.5, 0.3))
    place(down(0.5, -0.4, z=0.05))
    spectator.wait_state(lambda state: state.moving)
    answer = spectator.call("reset", task="stack", seed=3)
    assert answer.success
    assert answer.state.task == "stack"
    assert not spectator.wait("step_done", lambda heard: len(heard) > 0)[0].data
