"""Physics: what the arm, the base and unseen hands do to a scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.arm import ActionError
from uio2_ros.sim.events import Ring, Shift, Wait
from uio2_ros.sim.motions import carry, push
from uio2_ros.sim.physics import UnstableSceneError
from uio2_ros.sim.policies import MOVES
from uio2_ros.sim.relations import is_inside, is_stacked
from uio2_ros.sim.spec import Colour, ObjectPose, ObjectSpec, Shape, Size

CUBE = ObjectSpec("cube", Shape.CUBE, Colour.RED, Size.SMALL, ObjectPose(0.4, -0.2, yaw=0.3))
BLOCK = ObjectSpec("block", Shape.CUBE, Colour.BLUE, Size.LARGE, ObjectPose(0.55, 0.2))
BALL = ObjectSpec("ball", Shape.BALL, Colour.RED, Size.LARGE, ObjectPose(0.6, -0.3))

MakeWorld = Callable[..., World]


def move(name: str) -> Step:
    forward_turn = MOVES[name]
    return Step(ActionKind.DISCRETE, name, dimension_names=("forward", "turn"), values=forward_turn)


def drawn_by(shape: Shape) -> ObjectSpec:
    return ObjectSpec(shape.value, shape, Colour.GREEN, Size.LARGE, ObjectPose(0.45, 0.0, yaw=0.4))


@pytest.mark.parametrize("shape", list(Shape))
def test_every_shape_stands_still_where_it_was_put(table_world: MakeWorld, shape: Shape) -> None:
    thing = drawn_by(shape)
    world = table_world(thing)
    world.advance(0.5)
    pose = world.pose(thing.name)
    assert pose.position == pytest.approx([0.45, 0.0, 0.0], abs=0.003)
    assert pose.yaw == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("shape", [shape for shape in Shape if shape is not Shape.BALL])
def test_every_shape_is_carried_to_the_millimetre(table_world: MakeWorld, shape: Shape) -> None:
    thing = drawn_by(shape)
    world = table_world(thing)
    outcome = world.execute(carry(world, thing.name, 0.6, 0.3, yaw=-0.5))
    assert outcome.picked == thing.name
    pose = world.pose(thing.name)
    assert pose.position == pytest.approx([0.6, 0.3, 0.0], abs=0.004)
    assert pose.yaw == pytest.approx(-0.5, abs=0.03)


def test_suction_beside_an_object_picks_nothing(table_world: MakeWorld) -> None:
    world = table_world(CUBE)
    step = Step(ActionKind.PICK_PLACE, "", Pose2D(0.6, 0.3, 0.0), Pose2D(0.4, 0.3, 0.0))
    assert world.execute(step).picked is None
    assert world.pose("cube").position == pytest.approx([0.4, -0.2, 0.0], abs=0.002)


def test_a_cube_set_down_on_another_is_stacked(table_world: MakeWorld) -> None:
    world = table_world(CUBE, BLOCK)
    assert not is_stacked(world, "cube", "block")
    world.execute(carry(world, "cube", 0.55, 0.2))
    assert is_stacked(world, "cube", "block")
    assert not is_stacked(world, "block", "cube")


def test_a_ball_stays_in_the_bowl_and_beside_it_is_not_inside(table_world: MakeWorld) -> None:
    bowl = ObjectSpec("bowl", Shape.BOWL, Colour.BLUE, Size.LARGE, ObjectPose(0.45, 0.2))
    world = table_world(BALL, bowl)
    assert not is_inside(world, "ball", "bowl")
    world.execute(carry(world, "ball", 0.45, 0.2))
    assert is_inside(world, "ball", "bowl")


def test_the_paddle_pushes_to_where_it_is_told(table_world: MakeWorld) -> None:
    world = table_world(CUBE, BLOCK)
    world.execute(push(world, "cube", 0.6))
    assert world.pose("cube").position[:2] == pytest.approx([0.6, -0.2], abs=0.015)


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (move("forward"), "start to an end pose.*use the action space vima"),
        (
            Step(ActionKind.PUSH, "push", Pose2D(math.nan, 0, 0), Pose2D(0.5, 0, 0)),
            "a pose must be finite",
        ),
        (
            Step(ActionKind.PUSH, "push", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.8, 0)),
            r"\(0.500, 0.800\) m is out of the arm's reach",
        ),
        (
            Step(ActionKind.CONTINUOUS, "joints", Pose2D(0.5, 0, 0), Pose2D(0.5, 0, 0)),
            "PICK_PLACE and PUSH, not CONTINUOUS",
        ),
    ],
)
def test_the_arm_refuses_what_it_cannot_do(
    table_world: MakeWorld, step: Step, complaint: str
) -> None:
    with pytest.raises(ActionError, match=complaint):
        table_world(CUBE).execute(step)


def test_the_base_drives_and_turns_by_the_actions_values() -> None:
    world = World(sample_episode("go_to", 0).scene)
    before = world.base.pose
    for name in ("left", "forward"):
        world.execute(move(name))
    after = world.base.pose
    assert after.yaw - before.yaw == pytest.approx(math.radians(10), abs=0.002)
    way = math.dist((before.x, before.y), (after.x, after.y))
    assert way == pytest.approx(0.25, abs=0.002)


def test_a_wall_stops_the_base() -> None:
    world = World(sample_episode("go_to", 0).scene)
    for _ in range(30):
        world.execute(move("forward"))
    pose = world.base.pose
    assert max(abs(pose.x), abs(pose.y)) < 2.5 - 0.15


def test_the_base_refuses_pick_and_place() -> None:
    world = World(sample_episode("go_to", 0).scene)
    step = Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.5, 0, 0), Pose2D(0.5, 0, 0))
    with pytest.raises(ActionError, match="use the action space pointnav"):
        world.execute(step)


def test_a_ring_is_heard_and_a_shift_is_not(table_world: MakeWorld) -> None:
    world = table_world(CUBE, BALL)
    world.play(Shift("cube", ObjectPose(0.3, 0.3)))
    assert np.abs(world.audio(1.0)).max() == 0
    assert world.pose("cube").position[:2] == pytest.approx([0.3, 0.3], abs=0.001)
    world.play(Ring("ball"))
    assert np.abs(world.audio(1.0)).max() > 0.1
    world.play(Wait(2.0))
    assert np.abs(world.audio(1.0)).max() == 0


def test_an_action_is_heard(table_world: MakeWorld) -> None:
    world = table_world(CUBE)
    world.execute(carry(world, "cube", 0.6, 0.3))
    heard = world.physics.sounds.heard(0.0, world.time_s)
    assert heard == ("whirr", "suction", "release")


def test_a_watch_looks_at_even_times_while_the_arm_moves(table_world: MakeWorld) -> None:
    world = table_world(CUBE)
    times: list[float] = []
    world.watch(lambda: times.append(world.time_s), 0.1)
    world.execute(carry(world, "cube", 0.6, 0.3))
    assert len(times) > 20
    assert np.diff(times) == pytest.approx(0.1, abs=0.005)


def test_the_same_acts_have_the_same_outcome_twice() -> None:
    episode = sample_episode("stack", 4, Split.HELD_OUT)
    states = []
    for _ in range(2):
        world = World(episode.scene)
        world.execute_plan(episode.oracle(world))
        states.append(world.physics.data.qpos.copy())
    assert np.array_equal(*states)


def test_physics_that_diverges_says_so_and_leaves_no_file(
    table_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = table_world(CUBE)
    world.physics.data.qvel[:] = np.nan
    with pytest.raises(UnstableSceneError, match="the physics diverged at"):
        world.advance(0.1)
    assert not list(tmp_path.iterdir())


def test_unknown_names_are_answered_with_the_known_ones(table_world: MakeWorld) -> None:
    world = table_world(CUBE, BALL)
    with pytest.raises(KeyError, match="no object 'spoon'; it has cube, ball"):
        world.pose("spoon")
    with pytest.raises(KeyError, match="no camera 'rear'; it has front, top"):
        world.view("rear")
