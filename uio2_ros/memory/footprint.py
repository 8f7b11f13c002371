"""The middle of what stands on a plane, from the side of it that is seen. numpy only.

Places on the plane are metres ahead of the camera and to its right. Of each direction the nearest
range counts: what stands nearer than its top. A thing is first taken to be as deep as wide: a disc
that touches the outermost lines of sight and reaches as near as what is seen. That holds for what
is round, and nearly for a box however it is turned. What this does not explain may have a round
body from which something sticks out, such as a handle; of what goes on behind the picture's edge,
where one line of sight is missing, a round body tells the other side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEAREST_PERCENT = 5
"""Of the ranges in one direction, and of all directions, what counts as the nearest."""
FEWEST_DIRECTIONS = 6
TRIES = 200
"""Circles through three points that are looked at."""
WIDEST = 0.75
"""Radius of a body at most, as a share of what is seen of its footprint."""
EXPLAINED = 0.5
"""Share of the directions that a disc must explain, within twice the tolerance."""
ROUND_SHARE = 0.6
"""Share of the directions that a round body must explain, within the tolerance."""


@dataclass(frozen=True)
class Footprint:
    """Of a thing on a plane; middle (2,): ahead and right."""

    middle: Floats
    diameter: float


def footprint(places: Floats, directions: int, tolerance: float, *, is_cut: bool) -> Footprint:
    """Of what is seen at places (n, 2).

    directions: how many can be told apart, as many as the thing has columns of pixels. tolerance:
    how far off a place may be, metres. is_cut: whether it goes on beyond the picture, to one side.
    """
    bearings, ranges, step = _nearest(places, max(directions, FEWEST_DIRECTIONS))
    near = ranges[:, None] * np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    disc = _touching_disc(bearings, ranges, step)
    if not is_cut and _share(near, disc, 2 * tolerance) >= EXPLAINED:
        return disc
    body = _round_body(near, tolerance)
    return disc if body is None else _with_what_sticks_out(body, near, tolerance)


def _nearest(places: Floats, directions: int) -> tuple[Floats, Floats, float]:
    """Bearings (n,) in which something is seen, the nearest range (n,) in each, and their step."""
    bearing = np.arctan2(places[:, 1], places[:, 0])
    low = float(bearing.min())
    step = max(float(bearing.max()) - low, 1e-6) / directions
    number = np.minimum(((bearing - low) / step).astype(int), directions - 1)
    ranges = np.hypot(places[:, 0], places[:, 1])
    seen = np.unique(number)
    nearest = [np.percentile(ranges[number == one], NEAREST_PERCENT) for one in seen]
    return low + (seen + 0.5) * step, np.array(nearest), step


def _touching_disc(bearings: Floats, ranges: Floats, step: float) -> Footprint:
    """The disc between the outermost lines of sight that reaches as near as what is seen."""
    middle = (bearings[0] + bearings[-1]) / 2
    sine = math.sin(min((bearings[-1] - bearings[0] + step) / 2, math.radians(60)))
    away = float(np.percentile(ranges, NEAREST_PERCENT)) / (1 - sine)
    return Footprint(away * np.array([math.cos(middle), math.sin(middle)]), 2 * away * sine)


def _round_body(near: Floats, tolerance: float) -> Footprint | None:
    """The circle behind its near side on which most of that lies, by RANSAC; None for no such."""
    rng = np.random.default_rng(0)  # equal pictures give equal places
    middles, radii = _circles(near[rng.integers(len(near), size=(TRIES, 3))])
    widest = WIDEST * float(np.linalg.norm(np.ptp(near, axis=0)))
    beyond = np.linalg.norm(middles, axis=1) > np.linalg.norm(near.mean(axis=0))
    middles, radii = middles[beyond & (radii < widest)], radii[beyond & (radii < widest)]
    if not len(radii):
        return None
    off = np.abs(np.linalg.norm(near - middles[:, None], axis=-1) - radii[:, None])
    best = int((off < tolerance).sum(axis=1).argmax())
    body = _fitted(near[off[best] < tolerance])
    if body.diameter / 2 > widest:
        body = Footprint(middles[best], 2 * float(radii[best]))
    return body if _share(near, body, tolerance) >= ROUND_SHARE else None


def _circles(corners: Floats) -> tuple[Floats, Floats]:
    """Middles (n, 2) and radii (n,) of circles through three points each (tries, 3, 2)."""
    first, others = corners[:, 0], corners[:, 1:]
    sides = 2 * (others - first[:, None])  # (tries, 2, 2)
    squares = np.square(others).sum(-1) - np.square(first).sum(-1)[:, None]
    good = np.abs(np.linalg.det(sides)) > 1e-9
    middles = np.linalg.solve(sides[good], squares[good][..., None])[..., 0]
    return middles, np.linalg.norm(middles - first[good], axis=1)


def _fitted(points: Floats) -> Footprint:
    """The circle through points (n, 2), by least squares (Kasa 1976)."""
    unknown = np.column_stack([2 * points, np.ones(len(points))])
    found = np.linalg.lstsq(unknown, np.square(points).sum(axis=1), rcond=None)[0]
    middle = found[:2]
    return Footprint(middle, 2 * math.sqrt(max(0.0, float(found[2] + middle @ middle))))


def _share(near: Floats, disc: Footprint, tolerance: float) -> float:
    off = np.abs(np.linalg.norm(near - disc.middle, axis=1) - disc.diameter / 2)
    return float((off < tolerance).mean())


def _with_what_sticks_out(body: Footprint, near: Floats, tolerance: float) -> Footprint:
    """The middle between the far end of what sticks out of a body and the body's other side."""
    aside = near - body.middle
    reaches = np.linalg.norm(aside, axis=1)
    farthest = int(reaches.argmax())
    beyond = max(0.0, float(reaches[farthest]) - body.diameter / 2 - tolerance)
    way = aside[farthest] / max(float(reaches[farthest]), 1e-9)
    return Footprint(body.middle + way * beyond / 2, body.diameter + beyond)
