"""How fast the simulator is.

    python -m uio2_ros.sim.bench

Per second of processor time, which is what one core does; LP_NUM_THREADS=0 keeps Mesa from sharing
its work out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial

from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks import sample_episode
from uio2_ros.sim.truth import observe
from uio2_ros.sim.world import World

DATA_SIZE = PictureSize(256, 256)
ROBOT_SIZE = PictureSize(320, 240)
ROBOT_RATE_HZ = 15.0


def print_speed(scenes: int) -> None:
    """Frames of new scenes a second, and how much faster than time the robot's camera runs."""
    _frames(1, DATA_SIZE)
    for samples in (0, 4):
        for per_scene in (1, 4):
            seconds = _frames(scenes, DATA_SIZE, per_scene, samples)
            print(
                f"{scenes * per_scene / seconds:6.1f} frames/s   256x256 colour, depth, normals, "
                f"objects; {per_scene} a scene, {samples} samples a pixel",
                flush=True,
            )
    print(f"{_times_real_time():6.1f} x real time   320x240 colour at 15 Hz while the arm works")


def _frames(scenes: int, size: PictureSize, per_scene: int = 1, samples: int = 0) -> float:
    """Processor seconds to sample, build and see scenes, with the truth of each picture."""
    began = time.process_time()
    for seed in range(scenes):
        scene = sample_episode("put", seed, Split.TRAIN, size).scene
        with World(scene, samples) as world:
            for number in range(per_scene):
                observe(world, ("front", "top")[number % 2])
    return time.process_time() - began


def _times_real_time() -> float:
    """Seconds of the scene per second of processor time."""
    episode = sample_episode("swap", 1, Split.TRAIN, ROBOT_SIZE)
    with World(episode.scene) as world:
        world.colour("front")
        world.watch(partial(_draw, world), 1 / ROBOT_RATE_HZ)
        plan, began = episode.oracle(world), time.process_time()
        scene_began_s = world.time_s
        world.execute_plan(plan)
        return (world.time_s - scene_began_s) / (time.process_time() - began)


def _draw(world: World) -> None:
    world.colour("front")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m uio2_ros.sim.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenes", type=int, default=100, help="that are drawn")
    return parser.parse_args(argv)


if __name__ == "__main__":
    print_speed(_parse(sys.argv[1:]).scenes)
