"""The look at the scene, with the pictures that the simulator's camera takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest

if importlib.util.find_spec("mujoco") is None:  # imported first, it would not draw through EGL
    pytest.skip("needs the extra sim", allow_module_level=True)

from uio2_ros.cli.bench_scene import as_taken, with_hand
from uio2_ros.control.gate.scene import SceneMemory
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.events import Shift
from uio2_ros.sim.tasks import Episode

THRESHOLD = 0.002
"""As docs/controllers.md recommends."""
CAMERA = "front"


@pytest.fixture(params=[0, 1, 2])
def episode(request: pytest.FixtureRequest) -> Episode:
    return sample_episode("put", request.param, Split.TRAIN)


@pytest.fixture
def world(episode: Episode) -> Iterator[World]:
    with World(episode.scene) as made:
        episode.begin(made)
        yield made


def memory_of(*pictures: np.ndarray) -> SceneMemory:
    """One that was shown pictures a second apart."""
    memory = SceneMemory(THRESHOLD, max_age_s=60.0)
    for number, pixels in enumerate(pictures):
        memory.keep(float(number), pixels)
    return memory


def test_a_table_that_nobody_touches_stays_the_same_through_noise_light_and_jpeg(
    world: World,
) -> None:
    rng = np.random.default_rng(0)
    pixels = world.colour(CAMERA)
    memory = memory_of(*(as_taken(pixels, rng) for _ in range(20)))
    for stamp_s in range(19):
        memory.expect_same(float(stamp_s), 19.0)


def test_time_that_passes_on_the_table_changes_nothing(world: World) -> None:
    before = world.colour(CAMERA)
    world.advance(2.0)
    memory_of(before, world.colour(CAMERA)).expect_same(0.0, 1.0)


def test_a_hand_that_reaches_in_makes_a_plan_false(world: World) -> None:
    pixels = world.colour(CAMERA)
    memory = memory_of(pixels, with_hand(pixels, np.random.default_rng(0)))
    with pytest.raises(PlanError, match="ask again") as refused:
        memory.expect_same(0.0, 1.0)
    assert refused.value.cause is Cause.SCENE_CHANGED


def test_somebody_who_puts_all_elsewhere_makes_a_plan_false(world: World, episode: Episode) -> None:
    before = world.colour(CAMERA)
    things = episode.scene.objects
    for thing, other in zip(things, (*things[1:], things[0]), strict=True):
        world.play(Shift(thing.name, other.pose, seconds=0.1))
    with pytest.raises(PlanError):
        memory_of(before, world.colour(CAMERA)).expect_same(0.0, 1.0)
