"""`./uio2 bench scene`: whether the gate sees that the scene changed, and how often it is wrong.

Pictures of the simulated tables: the same twice, as a camera would give it, and before and after
something was moved, taken away, or somebody reached in.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.cli.measurement import bench_parser, save
from uio2_ros.control.gate.scene import changed_share, thumbnail
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.spec import ObjectSpec, SceneSpec

Pixels = npt.NDArray[np.uint8]

TASKS = ("put", "stack", "sort", "push", "swap")
THRESHOLDS = (0.002, 0.005, 0.01, 0.02, 0.05)
NOISE, GAIN, TINT, QUALITY = 5.0, 0.1, 0.02, 85
"""What a camera does to one and the same scene: grey levels of noise, the share by which exposure
and the balance of colours go up and down, and the quality of its JPEGs."""
MOVED_M = 0.1
HAND = (0.16, (205, 160, 130))
"""The width of somebody's arm as a share of the picture's, and its colour."""
MOST_FALSE_ALARMS = 0.001


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 if the threshold asked about is wrong too often."""
    options = _parse(argv)
    rng = np.random.default_rng(options.seed)
    shares: dict[str, list[float]] = {}
    for number in range(options.scenes):
        episode = sample_episode(TASKS[number % len(TASKS)], number, Split.HELD_OUT)
        for name, share in _shares(episode.scene, rng, options.looks):
            shares.setdefault(name, []).append(share)
    still = np.array(shares.pop("nothing"))
    print(_table(still, shares))
    print(f"\nlargest share where nothing changed: {100 * still.max():.2f} %")
    print(f"a picture that is kept takes {1e3 * _seconds_of_a_look():.2f} ms (640 x 480)")
    save({"threshold": options.threshold, "nothing": still.tolist(), **shares}, options.json)
    return 0 if float((still > options.threshold).mean()) <= MOST_FALSE_ALARMS else 1


def _shares(scene: SceneSpec, rng: np.random.Generator, looks: int) -> Iterator[tuple[str, float]]:
    """What changed, and the share of the picture that is then found to be different."""
    before = _picture(scene)
    first = thumbnail(as_taken(before, rng))

    def share(pixels: Pixels) -> float:
        return changed_share(first, thumbnail(as_taken(pixels, rng)))

    for _ in range(looks):
        yield "nothing", share(before)
    chosen = scene.objects[int(rng.integers(len(scene.objects)))]
    others = tuple(one for one in scene.objects if one is not chosen)
    yield "an object is gone", share(_picture(replace(scene, objects=others)))
    moved = replace(scene, objects=(*others, _moved(chosen)))
    yield f"an object is {100 * MOVED_M:.0f} cm farther", share(_picture(moved))
    yield "a hand reaches in", share(with_hand(before, rng))


def _picture(scene: SceneSpec) -> Pixels:
    with World(scene) as world:
        return world.colour(scene.cameras[0].name)


def _moved(thing: ObjectSpec) -> ObjectSpec:
    """Towards the middle of the table, so that it stays on it."""
    aside = -MOVED_M if thing.pose.y > 0 else MOVED_M
    return replace(thing, pose=replace(thing.pose, y=thing.pose.y + aside))


def as_taken(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """As a camera takes it."""
    gains = rng.uniform(1 - GAIN, 1 + GAIN) * rng.uniform(1 - TINT, 1 + TINT, 3)
    noisy = pixels * gains + rng.normal(0, NOISE, pixels.shape)
    clipped = np.clip(noisy, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", clipped, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def with_hand(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """An arm from a side of the picture to the table's middle."""
    height, width = pixels.shape[:2]
    share, color = HAND
    start = (int(rng.choice((0, width - 1))), int(rng.uniform(0.5, 1.0) * height))
    end = (int(rng.uniform(0.35, 0.65) * width), int(rng.uniform(0.4, 0.7) * height))
    drawn = pixels.copy()
    cv2.line(drawn, start, end, color, int(share * width / 2), cv2.LINE_AA)
    return drawn


def _table(still: npt.NDArray[np.float64], changes: dict[str, list[float]]) -> str:
    lines = [f"{'threshold':>28}" + "".join(f"{100 * one:>8.1f} %" for one in THRESHOLDS)]
    lines.append(_row(f"wrong ({len(still)} looks)", still))
    lines += [_row(f"{name} ({len(found)})", np.array(found)) for name, found in changes.items()]
    return "\n".join(lines)


def _row(name: str, shares: npt.NDArray[np.float64]) -> str:
    found = (100 * float((shares > one).mean()) for one in THRESHOLDS)
    return f"{name:>28}" + "".join(f"{one:>8.1f} %" for one in found)


def _seconds_of_a_look(times: int = 100) -> float:
    pixels = np.zeros((480, 640, 3), np.uint8)
    begun_s = time.process_time()
    for _ in range(times):
        thumbnail(pixels)
    return (time.process_time() - begun_s) / times


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("scene", __doc__)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--looks", type=int, default=20, help="at each scene unchanged")
    parser.add_argument("--threshold", type=float, default=THRESHOLDS[0], help="to be judged")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)
