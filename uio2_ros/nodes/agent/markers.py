"""The answer as RViz markers: plans in their action space's frame, the rest in the camera's.

Every array begins with DELETEALL of no namespace, which RViz takes for all of them, so that what it
shows is the last answer and nothing older. Markers last until then; each kind has a namespace, for
RViz to switch off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point as PointMessage
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.messages.detections import cuboid_pose, cuboid_size
from uio2_ros.messages.plans import plan_message, planar_message
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Answer, Cuboid, Detection, PointSet
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.viewing.cuboid_edges import edges
from uio2_ros.viewing.motion_path import MotionPath, motion_path
from uio2_ros.viewing.skeleton import SKELETON

NAMESPACES = ("detections", "keypoints", "cuboids", "pick_place", "push", "path")
"""One per kind of marker."""
BOX_DISTANCE_M = 1.0
"""How far before the camera 2D boxes and points are drawn, for want of a depth."""
LINE_WIDTH_M = 0.005
PATH_WIDTH_M = 0.015
TEXT_HEIGHT_M = 0.03
POINT_DIAMETER_M = 0.03
JOINT_DIAMETER_M = 0.015
ARROW_SIZE_M = Vector3(x=0.01, y=0.025, z=0.03)  # shaft diameter, head diameter, head length
HEADING_LENGTH_M = 0.12

GREEN = ColorRGBA(r=0.18, g=0.80, b=0.44, a=1.0)
ORANGE = ColorRGBA(r=1.0, g=0.60, b=0.10, a=1.0)
PINK = ColorRGBA(r=0.91, g=0.30, b=0.63, a=1.0)
BLUE = ColorRGBA(r=0.20, g=0.60, b=1.0, a=1.0)
VIOLET = ColorRGBA(r=0.61, g=0.43, b=1.0, a=1.0)
GLASS = ColorRGBA(r=0.20, g=0.60, b=1.0, a=0.2)

Spots = npt.NDArray[np.float64]


def marker_array(
    answer: Answer, header: Header, camera: CameraModel | None, space: ActionSpace | None = None
) -> MarkerArray:
    """The markers of an answer about the picture of `header`, texts without words left out.

    2D boxes and keypoints need the camera's intrinsics, paths the plan's action space; without them
    they are left out.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    if camera is not None:
        markers += _boxes(answer.detections, header, camera)
        for points in answer.keypoints:
            markers += _keypoints(points, header, camera)
    for cuboid in answer.cuboids:
        markers += _cuboid(cuboid, header)
    if answer.plan is not None:
        markers += _plan(answer.plan, plan_message(answer.plan, "", header).header, space)
    markers = [one for one in markers if one.type != Marker.TEXT_VIEW_FACING or one.text.strip()]
    for number, marker in enumerate(markers):
        marker.id = number
    return MarkerArray(markers=markers)


def _boxes(
    detections: Iterable[Detection], header: Header, camera: CameraModel
) -> Iterator[Marker]:
    for found in detections:
        box = found.box
        pixels = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)]
        corners = _messages(_on_rays(pixels, camera))
        outline = _marker(header, "detections", Marker.LINE_STRIP, GREEN)
        outline.scale.x = LINE_WIDTH_M
        outline.points = [*corners, corners[0]]
        yield outline
        label = f"{found.label} #{found.track}" if found.track else found.label
        yield _text(header, "detections", label, corners[0], GREEN)


def _on_rays(pixels: Sequence[tuple[float, float]], camera: CameraModel) -> Spots:
    """(N, 3) points of the optical frame that are seen at pixels, `BOX_DISTANCE_M` ahead."""
    aside = camera.rays(pixels) * BOX_DISTANCE_M
    return np.column_stack((aside, np.full(len(aside), BOX_DISTANCE_M)))


def _keypoints(points: PointSet, header: Header, camera: CameraModel) -> Iterator[Marker]:
    """Spheres at the visible points, and lines where bones of COCO join two of them."""
    visible = [point for point in points.points if point.visible]
    if not visible:
        return
    places = _messages(_on_rays([(point.x, point.y) for point in visible], camera))
    joints = _marker(header, "keypoints", Marker.SPHERE_LIST, PINK)
    joints.scale = Vector3(x=JOINT_DIAMETER_M, y=JOINT_DIAMETER_M, z=JOINT_DIAMETER_M)
    joints.points = places
    yield joints
    place_of = {point.name: place for point, place in zip(visible, places, strict=True)}
    bones = _marker(header, "keypoints", Marker.LINE_LIST, PINK)
    bones.scale.x = LINE_WIDTH_M
    for start, end in SKELETON:
        if start in place_of and end in place_of:
            bones.points += [place_of[start], place_of[end]]
    if bones.points:
        yield bones


def _cuboid(cuboid: Cuboid, header: Header) -> Iterator[Marker]:
    """A translucent body, its edges, and its label."""
    body = _marker(header, "cuboids", Marker.CUBE, GLASS)
    body.pose = cuboid_pose(cuboid)
    body.scale = cuboid_size(cuboid)
    yield body
    outline = _marker(header, "cuboids", Marker.LINE_LIST, BLUE)
    outline.scale.x = LINE_WIDTH_M
    outline.points = _messages(edges(cuboid).reshape(-1, 3))
    yield outline
    yield _text(header, "cuboids", cuboid.label, body.pose.position, BLUE)


def _plan(plan: TaskPlan, header: Header, space: ActionSpace | None) -> Iterator[Marker]:
    for number, step in enumerate(plan.steps, start=1):
        if step.start is not None and step.end is not None:
            yield from _move(number, step, header)
    path = motion_path(plan, space) if space is not None else None
    if path is not None:
        yield from _path(path, plan.steps[-1].name, header)


def _move(number: int, step: Step, header: Header) -> Iterator[Marker]:
    """A ball where a move begins and an arrow to where it ends."""
    is_push = step.kind is ActionKind.PUSH
    kind, color = ("push", PINK) if is_push else ("pick_place", ORANGE)
    start, end = planar_message(step.start).position, planar_message(step.end).position
    yield _ball(header, kind, start, color)
    yield _arrow(header, kind, start, end, color)
    yield _text(header, kind, f"{number}: {step.name}", start, color)


def _path(path: MotionPath, name: str, header: Header) -> Iterator[Marker]:
    """A line along the motion and an arrow where it ends and heads; a ball to stay."""
    places = _messages(path.points)
    yield _text(header, "path", name, places[-1], VIOLET)
    if path.is_still:
        yield _ball(header, "path", places[-1], VIOLET)
        return
    line = _marker(header, "path", Marker.LINE_STRIP, VIOLET)
    line.scale.x = PATH_WIDTH_M
    line.points = places
    yield line
    heading = path.headings[-1]
    ahead = path.points[-1] + HEADING_LENGTH_M * np.array((np.cos(heading), np.sin(heading), 0))
    yield _arrow(header, "path", places[-1], _messages(ahead[None])[0], VIOLET)


def _ball(header: Header, namespace: str, position: PointMessage, color: ColorRGBA) -> Marker:
    ball = _marker(header, namespace, Marker.SPHERE, color)
    ball.pose.position = position
    ball.scale = Vector3(x=POINT_DIAMETER_M, y=POINT_DIAMETER_M, z=POINT_DIAMETER_M)
    return ball


def _arrow(
    header: Header, namespace: str, start: PointMessage, end: PointMessage, color: ColorRGBA
) -> Marker:
    arrow = _marker(header, namespace, Marker.ARROW, color)
    arrow.points = [start, end]
    arrow.scale = ARROW_SIZE_M
    return arrow


def _text(
    header: Header, namespace: str, text: str, position: PointMessage, color: ColorRGBA
) -> Marker:
    marker = _marker(header, namespace, Marker.TEXT_VIEW_FACING, color)
    marker.text = text
    marker.pose.position = position
    marker.scale.z = TEXT_HEIGHT_M
    return marker


def _marker(header: Header, namespace: str, kind: int, color: ColorRGBA) -> Marker:
    marker = Marker(header=header, ns=namespace, type=kind, action=Marker.ADD, color=color)
    marker.pose.orientation.w = 1.0
    return marker


def _messages(points: Spots) -> list[PointMessage]:
    return [PointMessage(x=x, y=y, z=z) for x, y, z in points.tolist()]
