"""The answer as RViz markers: plans in their action space's frame, boxes in the camera's.

Every array begins with DELETEALL, so that what it shows is the last answer and nothing older.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from geometry_msgs.msg import Point as PointMessage
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.nodes.answer_messages import cuboid_pose, cuboid_size, plan_message, pose_message
from uio2_ros.tasks.answer import Answer, Cuboid, Detection, Step, TaskPlan
from uio2_ros.tasks.instruction import Box, CameraModel

BOX_DISTANCE_M = 1.0
"""How far before the camera a 2D box is drawn, for want of a depth."""
LINE_WIDTH_M = 0.005
TEXT_HEIGHT_M = 0.03
POINT_DIAMETER_M = 0.03
ARROW_SIZE_M = Vector3(x=0.01, y=0.025, z=0.03)  # shaft diameter, head diameter, head length

GREEN = ColorRGBA(r=0.18, g=0.80, b=0.44, a=1.0)
ORANGE = ColorRGBA(r=1.0, g=0.60, b=0.10, a=1.0)
BLUE = ColorRGBA(r=0.20, g=0.60, b=1.0, a=1.0)
GLASS = ColorRGBA(r=0.20, g=0.60, b=1.0, a=0.35)


def marker_array(answer: Answer, header: Header, camera: CameraModel | None) -> MarkerArray:
    """The markers of an answer about the picture of `header`.

    2D boxes need the camera's intrinsics; without them they are left out.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    if camera is not None:
        markers += _boxes(answer.detections, header, camera)
    for cuboid in answer.cuboids:
        markers += _cuboid(cuboid, header)
    if answer.plan is not None:
        markers += _plan(answer.plan, plan_message(answer.plan, "", header).header)
    for number, marker in enumerate(markers):
        marker.id = number
    return MarkerArray(markers=markers)


def _boxes(
    detections: Iterable[Detection], header: Header, camera: CameraModel
) -> Iterator[Marker]:
    for found in detections:
        corners = _corners(found.box, camera)
        outline = _marker(header, "detections", Marker.LINE_STRIP, GREEN)
        outline.scale.x = LINE_WIDTH_M
        outline.points = [*corners, corners[0]]
        yield outline
        yield _text(header, "detections", found.label, corners[0], GREEN)


def _corners(box: Box, camera: CameraModel) -> list[PointMessage]:
    """The corners of a box in the optical frame, `BOX_DISTANCE_M` away, clockwise."""
    pixels = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)]
    return [
        PointMessage(
            x=(x - camera.cx) / camera.fx * BOX_DISTANCE_M,
            y=(y - camera.cy) / camera.fy * BOX_DISTANCE_M,
            z=BOX_DISTANCE_M,
        )
        for x, y in pixels
    ]


def _cuboid(cuboid: Cuboid, header: Header) -> Iterator[Marker]:
    body = _marker(header, "detections_3d", Marker.CUBE, GLASS)
    body.pose = cuboid_pose(cuboid)
    body.scale = cuboid_size(cuboid)
    yield body
    yield _text(header, "detections_3d", cuboid.label, body.pose.position, BLUE)


def _plan(plan: TaskPlan, header: Header) -> Iterator[Marker]:
    for number, step in enumerate(plan.steps, start=1):
        if step.start is not None and step.end is not None:
            yield from _move(number, step, header)


def _move(number: int, step: Step, header: Header) -> Iterator[Marker]:
    start, end = pose_message(step.start).position, pose_message(step.end).position
    spot = _marker(header, "plan", Marker.SPHERE, ORANGE)
    spot.pose.position = start
    spot.scale = Vector3(x=POINT_DIAMETER_M, y=POINT_DIAMETER_M, z=POINT_DIAMETER_M)
    yield spot
    arrow = _marker(header, "plan", Marker.ARROW, ORANGE)
    arrow.points = [start, end]
    arrow.scale = ARROW_SIZE_M
    yield arrow
    yield _text(header, "plan", f"{number}: {step.name}", start, ORANGE)


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
