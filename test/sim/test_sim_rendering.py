"""Pictures: equal twice, exact pinholes, and errors that say what to install."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from uio2_ros.sim import PictureSize, RenderError, SceneSpec, Split, World, sample_episode
from uio2_ros.sim import renderer as renderer_module
from uio2_ros.sim.appearance import texture
from uio2_ros.sim.renderer import SceneRenderer
from uio2_ros.sim.spec import Colour, ObjectPose, ObjectSpec, Shape, Size, SurfaceSpec

BALL = ObjectSpec("ball", Shape.BALL, Colour.RED, Size.LARGE, ObjectPose(0.6, -0.3))

MakeWorld = Callable[..., World]


def pictures_of(scene: SceneSpec) -> list[np.ndarray]:
    with World(scene) as world:
        return [world.colour(camera.name) for camera in scene.cameras]


@pytest.mark.parametrize("task", ["put", "go_to"])
def test_the_same_seed_gives_the_same_pixels_twice(task: str) -> None:
    episodes = [sample_episode(task, 9, Split.TRAIN, PictureSize(96, 64)) for _ in range(2)]
    for once, again in zip(*(pictures_of(episode.scene) for episode in episodes), strict=True):
        assert np.array_equal(once, again)


def test_worlds_take_turns_on_one_thread() -> None:
    scenes = [sample_episode("put", seed, size=PictureSize(96, 64)).scene for seed in (1, 2)]
    alone = [pictures_of(scene)[0] for scene in scenes]
    with World(scenes[0]) as first, World(scenes[1]) as second:
        for _ in range(2):
            for world, expected in ((first, alone[0]), (second, alone[1])):
                assert np.array_equal(world.colour("front"), expected)


@pytest.mark.parametrize("camera", ["front", "top"])
def test_the_camera_is_the_pinhole_it_says(table_world: MakeWorld, camera: str) -> None:
    """A ball's mask has its middle where the centre of the ball is projected to."""
    world = table_world(BALL)
    seen = world.see(camera).bodies == world.physics.body_number("ball")
    rows, columns = np.nonzero(seen)
    centre = world.pose("ball").apply(np.array([world.form("ball").centre]))
    assert world.view(camera).project(centre)[0] == pytest.approx(
        [columns.mean(), rows.mean()], abs=0.4
    )


def test_left_of_the_robot_is_left_in_the_picture(table_world: MakeWorld) -> None:
    world = table_world(BALL)
    points = np.array([[0.5, 0.3, 0.0], [0.5, -0.3, 0.0]])
    for camera in ("front", "top"):
        left, right = world.view(camera).project(points)
        assert left[0] < right[0]


def test_the_still_cameras_view_is_the_models(table_world: MakeWorld) -> None:
    from uio2_ros.sim.cameras import view_of

    world = table_world(BALL)
    for spec in world.scene.cameras:
        view = world.view(spec.name)
        assert view.rotation == pytest.approx(view_of(spec).rotation, abs=1e-6)
        assert np.linalg.det(view.rotation) == pytest.approx(1.0)


def test_depth_is_metres_along_the_optical_axis(table_world: MakeWorld) -> None:
    world = table_world(BALL)
    render, view = world.see("top"), world.view("top")
    point = np.array([[0.45, 0.2, 0.0]])  # bare table
    column, row = np.round(view.project(point)[0]).astype(int)
    assert render.depth[row, column] == pytest.approx(view.to_optical(point)[0, 2], abs=0.003)


def test_all_of_a_scene_is_in_both_pictures() -> None:
    for seed in range(2):
        episode = sample_episode("put", seed)
        with World(episode.scene) as world:
            for camera in ("front", "top"):
                bodies = set(np.unique(world.see(camera).bodies).tolist())
                names = [thing.name for thing in episode.scene.objects]
                assert {world.physics.body_number(name) for name in names} <= bodies


def test_a_closed_renderer_says_so(table_world: MakeWorld) -> None:
    world = table_world(BALL)
    renderer = SceneRenderer(world.physics.model, PictureSize(32, 24))
    renderer.close()
    renderer.close()
    with pytest.raises(RenderError, match="closed; make a new one"):
        renderer.colour(world.physics.data, "top")


def test_a_machine_that_cannot_draw_says_what_to_install(
    table_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(renderer_module, "_contexts", type("Contexts", (), {})())
    monkeypatch.setattr(renderer_module.mujoco, "GLContext", fail)
    with pytest.raises(RenderError, match=r"libEGL\.so\.1.*apt-get install libegl1 libgl1-mesa"):
        table_world(BALL).colour("top")


def test_textures_follow_their_seed() -> None:
    wood = SurfaceSpec("wood", (0.8, 0.7, 0.5), (0.4, 0.3, 0.2), seed=1)
    other = SurfaceSpec("wood", (0.8, 0.7, 0.5), (0.4, 0.3, 0.2), seed=2)
    assert np.array_equal(texture(wood), texture(wood))
    assert not np.array_equal(texture(wood), texture(other))


def test_an_unknown_pattern_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="pattern is called 'lace'; expected one of wood, speckle"):
        texture(SurfaceSpec("lace", (1, 1, 1), (0, 0, 0)))
