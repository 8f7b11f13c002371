"""Boxes, points and 3D boxes of a picture lifted into space. numpy and OpenCV.

Everything is in the picture's optical frame (REP 103: x right, y down, z forward), in metres. Depth
is along the optical axis (REP 118); 0 and what is not finite is unknown.

A box holds the object and what is behind it. Most things stand on something flat: the plane that
the surroundings of the box show is found, and what rises above it within the box is the object, as
high as it rises. The centre lies on the ray through the middle of the box, half that height above
the plane. From low that ray says little: there the centre is above the middle of the object's
footprint on the plane, and half as high as the object. Where no such plane is to be seen, the
object is the nearest surface that fills a good part of the box, and its centre lies behind that by
half of what it measures across.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import mat2quat, quat2mat

from uio2_ros.memory.footprint import footprint
from uio2_ros.robot.answer import Answer, Cuboid, Detection, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.located import LocatedKeypoint, LocatedObject, RangeSource
from uio2_ros.robot.poses import Pose3D

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Metres = npt.NDArray[np.float32]

MARGIN = 0.35
"""How far beyond the box its surroundings reach, as a share of its size."""
LEAST_MARGIN_PIXELS = 4
MOST_SAMPLES = 64
"""Pixels a side of a box and its surroundings that are looked at."""
LEAST_VALID = 0.05
"""Share of a box's pixels whose depth must be known."""
LEAST_PIXELS = 6
PLANE_TRIES = 32
PLANE_SHARE = 0.5
"""Of the surroundings that a plane must explain."""
ROUGHNESS_M, ROUGHNESS_PER_M = 0.002, 0.005
"""How far from a plane a point may seem to lie: a constant, and more for each metre of depth."""
LOWEST_VIEW = math.sin(math.radians(20))
"""Below this angle to a plane, the ray through a box's middle says little of where it is above."""
GAP_PER_M = 0.03
"""A step in depth, for each metre of depth, that divides one thing from another."""
MOST_FOOT = 0.4
"""How high the lowest of what stands on a plane may be, as a share of its height."""
FLAT_ROUGHNESSES = 3.0
"""How high what lies flat on a plane may begin, in roughnesses."""
TOP_PERCENT = 99
"""Of the heights of what is seen from low, the one that counts as its top: it may be narrow."""
LEVEL = math.cos(math.radians(45))
"""From where on a plane's normal points so much to the picture's upper edge that it is a floor."""
MODE_SHARE = 0.15
"""Of a box's pixels with depth, the least that the nearest surface must fill."""
NEAREST_PATCH = 2
"""Pixels around a point that may show what it is on."""
PIXEL_ERROR = 1.5
"""To expect of a box's middle and edges."""
DEVIATIONS = {
    RangeSource.DEPTH: (0.01, 0.01),
    RangeSource.PLANE: (0.01, 0.01),
    RangeSource.MODEL: (0.03, 0.08),
}
"""Standard deviations of centres: metres, and metres for each metre of depth."""
EDGE_PIXELS = 1.5
"""A box that comes as near to the picture's edge may go on behind it."""
CUT_SHARE = 0.5
"""How far the centre may be from that of a part, as a share of what the part measures at most."""
MOST_ASPECT = 1.03
"""How far the shapes of two registered pictures may differ from rounding."""


@dataclass(frozen=True)
class Plane:
    """The points with normal . point = distance; the unit normal points to the camera's side."""

    normal: Floats  # (3,)
    distance: float

    @classmethod
    def of_pose(cls, pose: Pose3D) -> Plane:
        """The plane z = 0 of a frame whose pose in the optical frame is given."""
        normal = np.array(pose.turn((0.0, 0.0, 1.0)))
        return cls._facing(normal, float(normal @ np.array(pose.position)))

    @classmethod
    def _facing(cls, normal: Floats, distance: float) -> Plane:
        return cls(-normal, -distance) if distance > 0 else cls(normal, distance)

    def heights(self, points: Floats) -> Floats:
        """How far points (..., 3) lie above the plane, on the camera's side."""
        above: Floats = points @ self.normal - self.distance
        return above

    def met_by(self, ray: Floats, height: float = 0.0) -> Floats | None:
        """Where the ray (3,) from the camera meets the plane raised by a height; None if never."""
        slope = float(self.normal @ ray)
        reach = (self.distance + height) / slope if slope < -1e-9 else math.inf
        return ray * reach if 0 < reach < math.inf else None

    def axes(self, ray: Floats) -> Floats:
        """(2, 3) unit vectors along the plane: as far ahead with a ray as can be, and right."""
        ahead = ray - self.normal * (self.normal @ ray)
        ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
        return np.stack([ahead, np.cross(ahead, self.normal)])

    def steepness(self, ray: Floats) -> float:
        """Sine of the angle between a ray and the plane."""
        return float(abs(self.normal @ ray) / np.linalg.norm(ray))


@dataclass(frozen=True)
class _Patch:
    """A box's pixels and its surroundings: `inside` is the box."""

    points: Floats  # (h, w, 3); NaN where the depth is unknown
    inside: Mask  # (h, w)
    valid: Mask  # (h, w)

    @property
    def share(self) -> float:
        """Of the box's pixels whose depth is known."""
        return float(self.valid[self.inside].mean()) if self.inside.any() else 0.0

    @property
    def lower(self) -> _Patch:
        """The same with surroundings of the lower half of the box and below alone."""
        rows = np.flatnonzero(self.inside.any(axis=1))
        below = np.arange(len(self.inside)) > rows.mean()
        return replace(self, valid=self.valid & (self.inside | below[:, None]))


class Lifter:
    """Lifts what is found in one picture. `depth` (h, w) may have another size than the picture.

    plane: what things stand on, where that is known. InvalidInputError for depth of another shape
    than the picture's, which cannot be registered with it.
    """

    def __init__(
        self, camera: CameraModel, depth: Metres | None = None, plane: Plane | None = None
    ) -> None:
        self._camera = camera
        self._depth = depth
        self._plane = plane
        if depth is not None:
            self._scale = self._scales(depth.shape)

    def objects(self, answer: Answer) -> Iterator[LocatedObject]:
        """One of each 3D box of an answer, or of each box where there are none."""
        yield from map(self.cuboid, answer.cuboids)
        if not answer.cuboids:
            yield from map(self.detection, answer.detections)

    def points(self, answer: Answer) -> Iterator[LocatedKeypoint]:
        """One of each visible keypoint of an answer."""
        for number, points in enumerate(answer.keypoints):
            yield from self._keypoints(number, points)

    def detection(self, found: Detection) -> LocatedObject:
        """A box in space, by depth, else by the plane."""
        placed = self._placed(LocatedObject(found.label, found.score, found.box))
        if not self._is_cut(found.box):
            return placed
        spread = CUT_SHARE * max(placed.size)
        return replace(placed, is_cut=True, deviation_m=math.hypot(placed.deviation_m, spread))

    def _placed(self, unplaced: LocatedObject) -> LocatedObject:
        patch = self._patch(unplaced.box)
        if patch is not None:
            unplaced = replace(unplaced, valid=patch.share)
            placed = self._by_depth(unplaced, patch)
            if placed is not None:
                return placed
        return self._by_plane(unplaced, self._plane) if self._plane is not None else unplaced

    def _is_cut(self, box: Box) -> bool:
        return (
            min(box.x1, box.y1) < EDGE_PIXELS
            or box.x2 > self._camera.width - EDGE_PIXELS
            or box.y2 > self._camera.height - EDGE_PIXELS
        )

    def cuboid(self, cuboid: Cuboid) -> LocatedObject:
        """A 3D box of the model moved along its line of sight to where depth says it is.

        A picture does not tell a small thing from a large one further away; the box is scaled with
        its distance, so that it covers of the picture what it did.
        """
        covered = _outline(cuboid, self._camera)
        found = LocatedObject(cuboid.label, cuboid.score, covered or Box(0, 0, 0, 0))
        patch = None if covered is None else self._patch(covered)
        placed = None if patch is None else self._by_depth(found, patch)
        source = RangeSource.MODEL if placed is None else RangeSource.DEPTH
        scale = 1.0 if placed is None else placed.pose.position[2] / cuboid.center[2]
        x, y, z = (scale * value for value in cuboid.center)
        length, width, height = (scale * value for value in cuboid.size)
        return replace(
            found,
            source=source,
            pose=Pose3D((x, y, z), cuboid.quaternion_wxyz),
            size=(length, width, height),
            deviation_m=_deviation(source, z),
            valid=0.0 if patch is None else patch.share,
        )

    def _keypoints(self, number: int, points: PointSet) -> Iterator[LocatedKeypoint]:
        for point in points.points:
            if point.visible:
                placed = LocatedKeypoint(points.label, number, point.name)
                z = self._depth_at(point.x, point.y)
                if z is not None:
                    x, y = (self._camera.rays((point.x, point.y)) * z).tolist()
                    placed = replace(placed, source=RangeSource.DEPTH, position=(x, y, z))
                yield placed

    # Depth.

    def _scales(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Pixels of depth for one of the picture, across and down."""
        across, down = shape[1] / self._camera.width, shape[0] / self._camera.height
        if max(across, down) > MOST_ASPECT * min(across, down):
            raise InvalidInputError(
                f"depth of {shape[1]} x {shape[0]} pixels does not show what the picture of "
                f"{self._camera.width} x {self._camera.height} does; give the topic of depth that "
                "is registered with the picture (depth_image_proc, align_depth)"
            )
        return across, down

    def _patch(self, box: Box) -> _Patch | None:
        """None without depth, and for a box outside the picture."""
        if self._depth is None:
            return None
        rows, columns = self._depth.shape
        across, down = self._scale
        grown_x = max(MARGIN * box.size[0], LEAST_MARGIN_PIXELS)
        grown_y = max(MARGIN * box.size[1], LEAST_MARGIN_PIXELS)
        u = _indices((box.x1 - grown_x) * across, (box.x2 + grown_x) * across, columns)
        v = _indices((box.y1 - grown_y) * down, (box.y2 + grown_y) * down, rows)
        # centres of the depth's pixels in the picture's, whose boxes are edges
        x, y = (u + 0.5) / across, (v + 0.5) / down
        within = ((box.x1 <= x) & (x < box.x2))[None] & ((box.y1 <= y) & (y < box.y2))[:, None]
        if not within.any():
            return None
        z = self._depth[np.ix_(v, u)].astype(np.float64)
        known = np.isfinite(z) & (z > 0)
        z[~known] = np.nan
        pixels = np.stack(np.meshgrid(x - 0.5, y - 0.5), axis=-1)
        aside = self._camera.rays(pixels)
        points = np.concatenate([aside * z[..., None], z[..., None]], axis=-1)
        return _Patch(points, within, known)

    def _depth_at(self, x: float, y: float) -> float | None:
        """Of the nearest surface around a point, metres."""
        if self._depth is None:
            return None
        rows, columns = self._depth.shape
        u, v = int((x + 0.5) * self._scale[0]), int((y + 0.5) * self._scale[1])
        if not (0 <= u < columns and 0 <= v < rows):
            return None
        reach = NEAREST_PATCH
        around = self._depth[max(0, v - reach) : v + reach + 1, max(0, u - reach) : u + reach + 1]
        known = around[np.isfinite(around) & (around > 0)]
        if not known.size:
            return None
        nearest = float(known.min())
        return float(np.median(known[known <= nearest * (1 + GAP_PER_M)]))

    def _by_depth(self, found: LocatedObject, patch: _Patch) -> LocatedObject | None:
        """None where too little depth is known."""
        if patch.share < LEAST_VALID or (patch.valid & patch.inside).sum() < LEAST_PIXELS:
            return None
        plane = _supporting_plane(patch)
        ray = self._ray(*found.box.center)
        height = None if plane is None else _height(patch, plane)
        if plane is not None and height is not None and plane.steepness(ray) > LOWEST_VIEW:
            return self._upright(found, plane, height, RangeSource.DEPTH)
        for floor in (plane, _supporting_plane(patch.lower)):
            placed = None if floor is None else self._on_floor(found, patch, floor)
            if placed is not None:
                return placed
        return self._behind_surface(found, _nearest_surface(patch, plane))

    def _on_floor(self, found: LocatedObject, patch: _Patch, plane: Plane) -> LocatedObject | None:
        """The object above the middle of its footprint; None where it does not stand there.

        Where the picture's lower edge cuts off its foot, what is level is what it stands on.
        """
        thing, heights = _rising(patch, plane)
        box, points = found.box, patch.points[thing]
        has_foot = box.y2 <= self._camera.height - EDGE_PIXELS
        if len(points) < LEAST_PIXELS:
            return None
        if not _stands(heights, points[:, 2]) if has_foot else -plane.normal[1] < LEVEL:
            return None
        axes = plane.axes(self._ray(*box.center))
        foot = footprint(
            points @ axes.T,
            min(round(box.size[0]), MOST_SAMPLES),
            float(_roughness(points[:, 2].min())),
            is_cut=box.x1 < EDGE_PIXELS or box.x2 > self._camera.width - EDGE_PIXELS,
        )
        height = float(np.percentile(heights, TOP_PERCENT))
        x, y, z = (foot.middle @ axes + plane.normal * (plane.distance + height / 2)).tolist()
        return replace(
            found,
            source=RangeSource.DEPTH,
            pose=Pose3D((x, y, z), _upright_quaternion(plane.normal)),
            size=(foot.diameter, foot.diameter, height),
            deviation_m=_deviation(RangeSource.DEPTH, z),
        )

    def _behind_surface(self, found: LocatedObject, surface_z: float) -> LocatedObject:
        """The object behind a surface that many of its pixels show."""
        across = found.box.size[0] * surface_z / self._camera.fx
        down = found.box.size[1] * surface_z / self._camera.fy
        thick = min(across, down)
        z = surface_z + thick / 2
        x, y, _ = (self._ray(*found.box.center) * z).tolist()
        return replace(
            found,
            source=RangeSource.DEPTH,
            pose=Pose3D((x, y, z)),
            size=(across, down, thick),
            deviation_m=_deviation(RangeSource.DEPTH, z),
        )

    # A plane that things stand on.

    def _by_plane(self, found: LocatedObject, plane: Plane) -> LocatedObject:
        """Where something that stands on a known plane must stand to be seen in its box.

        The box's lower edge is the foot on the near side, its upper edge the top on the far one.
        """
        middle = found.box.center[0]
        near = plane.met_by(self._ray(middle, found.box.y2))
        if near is None:
            return found
        width = found.box.size[0] * float(near[2]) / self._camera.fx
        away = near - plane.normal * (plane.normal @ near - plane.distance)  # on the plane already
        ahead = away - plane.normal * (plane.normal @ away)
        length = float(np.linalg.norm(ahead))
        if length < 1e-6:  # seen from straight above
            return self._upright(found, plane, width / 2, RangeSource.PLANE)
        far = near + ahead / length * width
        top = self._ray(middle, found.box.y1)
        # the height above `far` at which the ray passes the vertical through it
        reach = float((far @ ahead) / (top @ ahead)) if top @ ahead > 1e-6 else 0.0
        height = float(np.clip(plane.heights(top * reach), 0.0, 3 * width))
        return self._upright(found, plane, height, RangeSource.PLANE)

    def _upright(
        self, found: LocatedObject, plane: Plane, height: float, source: RangeSource
    ) -> LocatedObject:
        """An object as high as that on a plane, in the middle of its box; z of its pose is up."""
        center = plane.met_by(self._ray(*found.box.center), height / 2)
        if center is None:
            return found
        across = found.box.size[0] * float(center[2]) / self._camera.fx
        x, y, z = center.tolist()
        return replace(
            found,
            source=source,
            pose=Pose3D((x, y, z), _upright_quaternion(plane.normal)),
            size=(across, across, height),
            deviation_m=_deviation(source, z) + self._slant(plane, center),
        )

    def _slant(self, plane: Plane, place: Floats) -> float:
        """How far along a plane `PIXEL_ERROR` pixels reach at a place, metres."""
        seen = PIXEL_ERROR * float(place[2]) / self._camera.fy
        return seen / max(plane.steepness(place), 1e-3)

    def _ray(self, x: float, y: float) -> Floats:
        """(3,) of the optical frame, z = 1, through an edge coordinate of a box."""
        return np.append(self._camera.rays((x - 0.5, y - 0.5)), 1.0)


def visible_depth(depth: Metres, camera: CameraModel, pixel: Floats, reach: float) -> Floats:
    """The known depths (n,) of the pixels up to `reach` of the picture's pixels from one of them.

    Empty outside the picture.
    """
    rows, columns = depth.shape
    across, down = columns / camera.width, rows / camera.height
    x, y = (float(value) + 0.5 for value in pixel)
    u = _indices((x - reach) * across, (x + reach) * across, columns)
    v = _indices((y - reach) * down, (y + reach) * down, rows)
    seen = depth[np.ix_(v, u)].astype(np.float64).ravel()
    known: Floats = seen[np.isfinite(seen) & (seen > 0)]
    return known


def _indices(low: float, high: float, count: int) -> npt.NDArray[np.intp]:
    """Whole numbers from low to high that are below `count`, `MOST_SAMPLES` of them at most."""
    first, last = max(0, math.floor(low)), min(count, math.ceil(high))
    wanted = max(0, min(last - first, MOST_SAMPLES))
    found: npt.NDArray[np.intp] = np.linspace(first, last - 1, wanted).round().astype(np.intp)
    return found


def _supporting_plane(patch: _Patch) -> Plane | None:
    """The plane that most of a box's surroundings lie on, by RANSAC; None where there is none."""
    around = patch.points[patch.valid & ~patch.inside]
    if len(around) < 4 * LEAST_PIXELS:
        return None
    allowed = _roughness(around[:, 2])
    rng = np.random.default_rng(0)  # equal pictures give equal places
    corners = around[rng.integers(len(around), size=(PLANE_TRIES, 3))]  # (tries, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals[lengths > 1e-12] / lengths[lengths > 1e-12, None]
    distances = np.einsum("nc,nc->n", normals, corners[lengths > 1e-12, 0])
    fits = np.abs(around @ normals.T - distances) < allowed[:, None]  # (points, tries)
    if not fits.size or fits.mean(axis=0).max() < PLANE_SHARE:
        return None
    on_it = around[fits[:, int(fits.sum(axis=0).argmax())]]
    middle = on_it.mean(axis=0)
    normal = np.linalg.svd(on_it - middle, full_matrices=False)[2][2]
    return Plane._facing(normal, float(normal @ middle))


def _roughness(z: Floats) -> Floats:
    allowed: Floats = ROUGHNESS_M + ROUGHNESS_PER_M * z
    return allowed


def _height(patch: _Patch, plane: Plane) -> float | None:
    """How high what is in the box rises above the plane; 0 for what lies flat on it.

    None where it does not stand there, but hovers before it, as before a wall.
    """
    thing, heights = _rising(patch, plane)
    if len(heights) < LEAST_PIXELS:
        return 0.0
    stands = _stands(heights, patch.points[thing][:, 2])
    return float(np.percentile(heights, 95)) if stands else None


def _rising(patch: _Patch, plane: Plane) -> tuple[Mask, Floats]:
    """What in the box rises above a plane, in one piece: (h, w), and its heights (n,)."""
    z = np.nan_to_num(patch.points[..., 2])
    above = plane.heights(np.nan_to_num(patch.points))
    thing = _largest_piece(patch.valid & patch.inside & (above > _roughness(z)), z)
    return thing, above[thing]


def _stands(heights: Floats, z: Floats) -> bool:
    """Whether what has these heights above a plane, at these depths, begins near it."""
    foot, top = np.percentile(heights, (5, 95))
    lowest = max(MOST_FOOT * top, FLAT_ROUGHNESSES * float(np.median(_roughness(z))))
    return bool(foot < lowest)


def _nearest_surface(patch: _Patch, plane: Plane | None) -> float:
    """The depth of the foremost surface that fills a good part of the box, without the plane."""
    seen = patch.valid & patch.inside
    if plane is not None:
        above = plane.heights(np.nan_to_num(patch.points))
        rises = seen & (above > _roughness(np.nan_to_num(patch.points[..., 2])))
        seen = rises if rises.sum() >= LEAST_PIXELS else seen
    z = np.sort(patch.points[..., 2][seen])
    # the share of pixels that lie within a gap behind each
    behind = np.searchsorted(z, z * (1 + GAP_PER_M), side="right") - np.arange(len(z))
    good = np.flatnonzero(behind >= min(MODE_SHARE * len(z), behind.max()))
    first = int(good[0])
    return float(np.median(z[first : first + int(behind[first])]))


def _largest_piece(mask: Mask, z: Floats) -> Mask:
    """The largest part of a mask (h, w) that no step in depth divides."""
    steps = np.zeros_like(mask)
    for axis in (0, 1):
        jump = np.abs(np.diff(z, axis=axis)) > GAP_PER_M * np.delete(z, 0, axis)
        edge = [(0, 0), (0, 0)]
        edge[axis] = (0, 1)
        steps |= np.pad(jump, edge)
    whole = (mask & ~steps).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=4)
    if count < 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    found: Mask = pieces == largest
    return found


def _outline(cuboid: Cuboid, camera: CameraModel) -> Box | None:
    """What a 3D box covers of the picture; None where nothing, or where it reaches behind it."""
    signs = np.array(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5))).reshape(3, 8).T
    corners = signs * np.array(cuboid.size) @ quat2mat(cuboid.quaternion_wxyz).T
    corners = corners + np.array(cuboid.center)
    if corners[:, 2].min() <= 0:
        return None
    pixels = np.clip(camera.project(corners) + 0.5, 0, (camera.width, camera.height))
    (x1, y1), (x2, y2) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return Box(x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _upright_quaternion(normal: Floats) -> tuple[float, float, float, float]:
    """Of an object whose z is a plane's normal and whose x is as far to the right as can be."""
    right = np.array((1.0, 0.0, 0.0)) - normal[0] * normal
    if np.linalg.norm(right) < 1e-6:
        right = np.array((0.0, 0.0, 1.0)) - normal[2] * normal
    right /= np.linalg.norm(right)
    w, x, y, z = mat2quat(np.column_stack([right, np.cross(normal, right), normal])).tolist()
    return w, x, y, z


def _deviation(source: RangeSource, z: float) -> float:
    """Standard deviation to expect of a centre at a depth, metres."""
    constant, each_metre = DEVIATIONS[source]
    return constant + each_metre * abs(z)
