"""Tasks: what they ask, who can do it, and what is kept back from training."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from uio2_ros.robot.plan import ActionKind
from uio2_ros.sim import (
    SIM_TASKS,
    Oracle,
    RandomPolicy,
    Split,
    World,
    run_episode,
    sample_episode,
)
from uio2_ros.sim.events import Ring, Shift
from uio2_ros.sim.model import magnification
from uio2_ros.sim.sampling import TABLE_X_M, TABLE_Y_M, Cast, NoRoomError
from uio2_ros.sim.shapes import form
from uio2_ros.sim.sounds import SOUND_OF_SHAPE
from uio2_ros.sim.spec import Colour, Place, Shape
from uio2_ros.sim.splits import is_held_out

NAMES = list(SIM_TASKS)
SPLITS = list(Split)


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_succeeds_where_doing_nothing_does_not(name: str) -> None:
    episode = sample_episode(name, 3, Split.HELD_OUT)
    world = World(episode.scene)
    episode.begin(world)
    assert not episode.success(world)
    for seed in (3, 4, 5):
        assert run_episode(sample_episode(name, seed, Split.HELD_OUT), Oracle()).success


@pytest.mark.parametrize("name", NAMES)
def test_the_random_policy_fails(name: str) -> None:
    result = run_episode(sample_episode(name, 3), RandomPolicy(0))
    assert not result.success
    assert 1 <= result.steps <= SIM_TASKS[name].step_limit


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_episodes_and_others_do_not(name: str, split: Split) -> None:
    assert sample_episode(name, 11, split) == sample_episode(name, 11, split)
    assert sample_episode(name, 11, split).scene != sample_episode(name, 12, split).scene


@pytest.mark.parametrize("name", NAMES)
def test_training_never_shows_a_kind_or_a_wording_that_is_held_out(name: str) -> None:
    train = [sample_episode(name, seed, Split.TRAIN) for seed in range(15)]
    held_out = [sample_episode(name, seed, Split.HELD_OUT) for seed in range(15)]
    assert not any(is_held_out(*thing.kind) for each in train for thing in each.scene.objects)
    assert all(any(is_held_out(*thing.kind) for thing in each.scene.objects) for each in held_out)
    assert not {each.scene for each in train} & {each.scene for each in held_out}
    first_words = [{each.instruction.split()[0] for each in half} for half in (train, held_out)]
    assert first_words[0] != first_words[1]


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_distinct_apart_and_within_bounds(name: str) -> None:
    for seed in range(10):
        scene = sample_episode(name, seed).scene
        assert 2 <= len(scene.objects) <= 8
        assert len({thing.kind for thing in scene.objects}) == len(scene.objects)
        scale = magnification(scene.place)
        for one, other in combinations(scene.objects, 2):
            gap = math.dist((one.pose.x, one.pose.y), (other.pose.x, other.pose.y))
            radii = [form(thing.shape, thing.size, scale).radius for thing in (one, other)]
            assert gap > sum(radii)
        if scene.place is Place.TABLE:
            assert all(TABLE_X_M[0] < thing.pose.x < TABLE_X_M[1] for thing in scene.objects)
            assert all(TABLE_Y_M[0] < thing.pose.y < TABLE_Y_M[1] for thing in scene.objects)


@pytest.mark.parametrize("name", NAMES)
def test_plans_lie_within_the_action_space(name: str) -> None:
    episode = sample_episode(name, 8, Split.HELD_OUT)
    world = World(episode.scene)
    episode.begin(world)
    plan = episode.oracle(world)
    assert plan.action_space == ("pointnav" if name == "go_to" else "vima")
    assert len(plan.steps) <= episode.step_limit
    for step in plan.steps:
        if step.kind is ActionKind.DISCRETE:
            continue
        for pose in (step.start, step.end):
            assert pose is not None
            assert TABLE_X_M[0] <= pose.x <= TABLE_X_M[1]
            assert TABLE_Y_M[0] <= pose.y <= TABLE_Y_M[1]
            assert 0 <= pose.yaw < 2 * math.pi


def test_sorting_goes_from_left_to_right_and_can_be_planned_again_after_any_step() -> None:
    episode = sample_episode("sort", 5, Split.HELD_OUT)
    with World(episode.scene) as world:
        episode.begin(world)
        plan = episode.oracle(world)
        assert len(plan.steps) > 2
        starts = [step.start.y for step in plan.steps if step.start is not None]
        assert starts == sorted(starts, reverse=True)
        for done, step in enumerate(plan.steps, start=1):
            world.execute(step)
            assert len(episode.oracle(world).steps) == len(plan.steps) - done
        assert episode.success(world)


def test_only_the_sound_tells_which_object_rang() -> None:
    for seed in range(10):
        episode = sample_episode("rang", seed)
        (ring,) = [event for event in episode.events if isinstance(event, Ring)]
        sounds = [SOUND_OF_SHAPE[thing.shape] for thing in episode.scene.objects]
        wanted = SOUND_OF_SHAPE[episode.scene.object_named(ring.name).shape]
        assert sounds.count(wanted) == 1
        assert ring.name not in episode.instruction


def test_the_object_that_moved_is_seen_at_two_places() -> None:
    episode = sample_episode("moved", 2)
    with World(episode.scene) as world:
        before = []
        world.watch(lambda: before.append(world.colour("top")), 0.5)
        episode.begin(world)
    assert len(before) >= 5
    assert np.count_nonzero(np.any(before[0] != before[-1], axis=-1)) > 100


def test_a_shift_ends_far_from_where_it_began() -> None:
    episode = sample_episode("moved", 2)
    (shift,) = [event for event in episode.events if isinstance(event, Shift)]
    start = episode.scene.object_named(shift.name).pose
    assert math.dist((start.x, start.y), (shift.to.x, shift.to.y)) > 0.15


def test_every_shape_and_colour_is_seen_in_training_and_kept_back_somewhere() -> None:
    for shape in Shape:
        assert {is_held_out(colour, shape) for colour in Colour} == {True, False}
    for colour in Colour:
        assert {is_held_out(colour, shape) for shape in Shape} == {True, False}


def fill(cast: Cast) -> None:
    for _ in range(60):
        cast.add(list(Shape))


def test_a_full_table_says_so() -> None:
    cast = Cast(np.random.default_rng(0), Split.TRAIN)
    with pytest.raises(NoRoomError, match=r"no room for .* beside"):
        fill(cast)
    assert len(cast.objects) > 8


def test_an_unknown_task_is_answered_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="no simulator task is called 'juggle'; expected put, stack"):
        sample_episode("juggle", 0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="a seed must not be negative, got -1"):
        sample_episode("put", -1)
