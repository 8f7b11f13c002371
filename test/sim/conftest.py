"""What the tests of the simulator share: scenes of known objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from uio2_ros.sim import PictureSize, SceneSpec, World
from uio2_ros.sim.cameras import sample_table_cameras
from uio2_ros.sim.spec import (
    LightSpec,
    LineSpec,
    ObjectSpec,
    Place,
    SurfaceSpec,
)

PLAIN = SurfaceSpec("plain", (0.6, 0.6, 0.6), (0.6, 0.6, 0.6))
SIZE = PictureSize(160, 120)


def table(*objects: ObjectSpec, line: LineSpec | None = None) -> SceneSpec:
    """A grey table with these objects, seen from in front and from the top."""
    return SceneSpec(
        place=Place.TABLE,
        objects=objects,
        cameras=sample_table_cameras(np.random.default_rng(5), SIZE),
        lights=(LightSpec((0.2, 0.3, -1.0), 0.4, True),),
        top_surface=PLAIN,
        floor_surface=PLAIN,
        line=line,
    )


@pytest.fixture
def table_world() -> Iterator[Callable[..., World]]:
    """Makes worlds of `table`, closed when the test ends."""
    worlds: list[World] = []

    def make(*objects: ObjectSpec, line: LineSpec | None = None) -> World:
        worlds.append(World(table(*objects, line=line)))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
