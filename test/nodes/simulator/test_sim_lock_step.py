"""In lock-step, the topics show exactly what a world shows that is asked directly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nodes.simulator.spectator import Spectator, nanoseconds
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage
from uio2_ros.msg import AudioChunk, Plan, SimulationState

from uio2_ros.messages.plans import plan_message
from uio2_ros.sim import PictureSize, Split, World, sample_episode

pytestmark = pytest.mark.ros

SIZE = PictureSize(96, 72)
RATE_HZ = 5.0
TOPICS = {"image": Image, "audio": AudioChunk, "camera_info": CameraInfo, "/clock": Clock}


@pytest.fixture(scope="module", autouse=True)
def simulator(start: Callable[..., Any], spectator: Spectator) -> None:
    start(lock_step=True, rate=0.0, image_rate=RATE_HZ, camera="front", publish_objects=True)
    for topic, kind in TOPICS.items():
        spectator.listen(topic, kind)
    spectator.listen("instruction", String, latched=True)
    spectator.listen("/tf_static", TFMessage, latched=True)
    spectator.listen("top/image", Image)
    spectator.wait("instruction", lambda heard: len(heard) > 0)


def pixels(message: Image) -> npt.NDArray[np.uint8]:
    assert message.encoding == "rgb8"
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def at_time_of(state: SimulationState) -> Callable[[list[Any]], bool]:
    """Whether a message that shows this state has come."""
    return lambda heard: bool(heard) and heard[-1].header.stamp == state.header.stamp


def begin(spectator: Spectator, task: str, seed: int) -> SimulationState:
    spectator.forget(until=spectator.state().header.stamp)
    answer = spectator.call("reset", task=task, seed=seed, split="train", width=96, height=72)
    assert answer.success, answer.message
    return answer.state


def test_pictures_sound_and_outcome_are_those_of_a_world(spectator: Spectator) -> None:
    episode = sample_episode("rang", 4, Split.TRAIN, SIZE)
    drawn: list[npt.NDArray[np.uint8]] = []
    with World(episode.scene, samples_per_pixel=0) as world:
        world.watch(lambda: drawn.append(world.colour("front")), 1 / RATE_HZ)
        episode.begin(world)
        plan = episode.oracle(world)
        message = plan_message(plan, episode.instruction, Header())
        state = begin(spectator, "rang", 4)
        assert state.instruction == episode.instruction
        assert not state.succeeded
        world.execute_plan(plan)
        drawn.append(world.colour("front"))
        done = spectator.call("step", plan=message)
        assert (done.success, done.state.succeeded) == (True, True)
        assert done.state.succeeded == episode.success(world)
        heard = spectator.wait("image", at_time_of(done.state))
        # time stood still after the events too, and was shown then
        assert len(heard) == len(drawn) + 1
        shown = [pixels(each) for each in heard]
        assert all(any(np.array_equal(own, other) for other in shown) for own in drawn)
        assert np.array_equal(drawn[-1], shown[-1])
        total_s = done.seconds + 1.0
        chunks = spectator.wait("audio", lambda heard: _seconds(heard) > total_s)
        sound = np.concatenate([np.frombuffer(each.data, "<f4") for each in chunks])
        assert np.array_equal(sound, world.audio(len(sound) / 16000))


def _seconds(chunks: list[AudioChunk]) -> float:
    return sum(len(chunk.data) for chunk in chunks) / 4 / 16000


def test_sound_is_without_a_seam_over_resets(spectator: Spectator) -> None:
    begin(spectator, "put", 1)
    spectator.forget()
    first = spectator.call("step", seconds=0.35).state
    spectator.call("reset", task="put", seed=2)
    spectator.call("step", seconds=0.35)
    chunks = spectator.wait("audio", lambda heard: _seconds(heard) > 0.69)
    ends = [nanoseconds(each.header.stamp) + len(each.data) // 4 * 62_500 for each in chunks]
    begins = [nanoseconds(each.header.stamp) for each in chunks]
    assert begins[1:] == pytest.approx(ends[:-1], abs=62_500)
    assert nanoseconds(first.header.stamp) in ends


def test_time_passes_only_when_it_is_asked_for(spectator: Spectator) -> None:
    before = begin(spectator, "put", 3)
    assert spectator.state().header.stamp == before.header.stamp
    after = spectator.call("step", seconds=0.5).state
    passed_ns = nanoseconds(after.header.stamp) - nanoseconds(before.header.stamp)
    assert passed_ns == 500_000_000
    clocks = spectator.wait("/clock", lambda heard: heard[-1:] != [])
    assert all(nanoseconds(clock.clock) <= nanoseconds(after.header.stamp) for clock in clocks)


def test_camera_info_belongs_to_the_picture(spectator: Spectator) -> None:
    state = begin(spectator, "put", 3)
    info = spectator.wait("camera_info", at_time_of(state))[-1]
    image = spectator.wait("image", at_time_of(state))[-1]
    assert info.header == image.header
    model = sample_episode("put", 3, Split.TRAIN, SIZE).scene.cameras[0].model
    assert (info.width, info.k[0], info.k[2]) == (96, model.fx, model.cx)


def test_frames_say_where_cameras_look(spectator: Spectator) -> None:
    begin(spectator, "put", 3)
    frames = {each.child_frame_id: each for each in spectator.heard("/tf_static")[-1].transforms}
    assert set(frames) == {"front_optical_frame", "top_optical_frame"}
    assert {each.header.frame_id for each in frames.values()} == {"base_link"}
    down = frames["top_optical_frame"].transform.rotation  # looks down, its up is +x
    forward_z = 1 - 2 * (down.x**2 + down.y**2)
    assert forward_z < -0.9


def test_a_room_is_driven_through_and_arrived_in(spectator: Spectator) -> None:
    state = begin(spectator, "go_to", 2)
    episode = sample_episode("go_to", 2, Split.TRAIN, SIZE)
    assert (state.action_space, state.header.frame_id) == ("pointnav", "odom")
    with World(episode.scene, 0) as world:
        plan = plan_message(episode.oracle(world), "", Header())
    spectator.call("step", plan=Plan(action_space="pointnav", steps=plan.steps[:-1]))
    done = spectator.call("step", plan=Plan(action_space="pointnav", steps=plan.steps[-1:]))
    assert done.success
    assert done.state.succeeded
    assert done.state.steps == len(plan.steps)
    assert math.hypot(done.state.robot.position.x, done.state.robot.position.y) > 0


WRONG_PLANS = {
    "another robot's": (Plan(action_space="arm7"), "understands vima"),
    "another frame": (Plan(action_space="vima", header=Header(frame_id="map")), "in base_link"),
}


@pytest.mark.parametrize("name", list(WRONG_PLANS))
def test_a_plan_that_does_not_fit_is_refused(spectator: Spectator, name: str) -> None:
    begin(spectator, "put", 3)
    plan, expected = WRONG_PLANS[name]
    episode = sample_episode("put", 3, Split.TRAIN, SIZE)
    with World(episode.scene, 0) as world:
        plan.steps = plan_message(episode.oracle(world), "", Header()).steps
    answer = spectator.call("step", plan=plan)
    assert not answer.success
    assert expected in answer.message


def test_a_pose_out_of_reach_is_refused_and_the_steps_before_it_are_told(
    spectator: Spectator,
) -> None:
    begin(spectator, "put", 3)
    episode = sample_episode("put", 3, Split.TRAIN, SIZE)
    with World(episode.scene, 0) as world:
        plan = plan_message(episode.oracle(world), "", Header())
    far = plan_message(None, "", Header())
    far.action_space, far.steps = "vima", [*plan.steps, *plan.steps]
    far.steps[1].end.position.x = 3.0
    answer = spectator.call("step", plan=far)
    assert not answer.success or len(plan.steps) == 0
    assert "out of the arm's reach" in answer.message


def test_seconds_that_cannot_pass_are_refused(spectator: Spectator) -> None:
    for seconds in (-1.0, math.nan, 1e9):
        answer = spectator.call("step", seconds=seconds)
        assert not answer.success
        assert "cannot pass" in answer.message
