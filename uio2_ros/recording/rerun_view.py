"""What a robot sees, answers and plans, for Rerun's viewer; from a graph or a recording.

Needs the extra rerun. Messages are anything with the fields of their types. Times are the stamps of
the messages, so that what an answer found lies on the picture that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
import rerun
import rerun.blueprint as layout

from uio2_ros.media.pictures import jpeg_of
from uio2_ros.messages.answers import answer_of
from uio2_ros.messages.camera_info import camera_of
from uio2_ros.messages.received_pictures import PICTURE_TYPES
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.messages.transforms import links_of
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces
from uio2_ros.robot.activity import Activity
from uio2_ros.robot.answer import Answer, Timings
from uio2_ros.robot.encoded_picture import MOST_PIXELS
from uio2_ros.robot.frames import FrameTree
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import to_ns
from uio2_ros.viewing.answer_text import findings
from uio2_ros.viewing.motion_path import motion_path
from uio2_ros.viewing.pen import ARROW, PATH, color_of

APPLICATION = "uio2_ros"
TIMELINE = "stamp"
ROBOT = "robot"
CAMERA = f"{ROBOT}/camera"
PICTURE = f"{CAMERA}/picture"
DETECTIONS, KEYPOINTS = f"{PICTURE}/detections", f"{PICTURE}/keypoints"
CUBOIDS, PLAN = f"{CAMERA}/cuboids", f"{ROBOT}/plan"
ANSWERS, STATE, TIMINGS = "answers", "state", "timings"
QUALITY = 82
"""Of the JPEGs that pictures become."""
POINT_SIZE = 4
"""Of keypoints, in pixels of the screen."""
TIMED = tuple(one.name for one in fields(Timings) if one.name != "tokens")
MS_PER_S = 1e3


class Viewed(Enum):
    """What a topic tells."""

    PICTURE = "picture"
    CAMERA_INFO = "camera_info"
    TRANSFORMS = "transforms"
    RESULT = "result"
    STATE = "state"


def shown_topics(
    image: str = "/image", camera_info: str = "/camera_info", agent: str = "/agent"
) -> Mapping[str, Viewed]:
    """What is looked at, by the full names of the topics."""
    return {
        image: Viewed.PICTURE,
        f"{image}/compressed": Viewed.PICTURE,
        camera_info: Viewed.CAMERA_INFO,
        "/tf": Viewed.TRANSFORMS,
        "/tf_static": Viewed.TRANSFORMS,
        f"{agent}/result": Viewed.RESULT,
        f"{agent}/state": Viewed.STATE,
    }


class RerunView:
    """Takes messages, and shows them. One thread."""

    def __init__(self, output: Any, frame: str, picture_period_s: float) -> None:
        """output: a rerun.RecordingStream; frame: in which all is shown; picture_period_s: between
        two pictures at least."""
        self._output = output
        self._frame = frame
        self._picture_period_ns = to_ns(picture_period_s)
        self._pictured_ns: int | None = None
        self._tree = FrameTree()
        self._placed: dict[str, Pose3D] = {}
        self._camera_frame = ""
        output.send_blueprint(_arrangement())
        output.log(ROBOT, rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def is_due(self, shown: Viewed, time_ns: int) -> bool:
        """Whether a message that came then is to be taken; ask before it is deserialised."""
        before_ns = self._pictured_ns
        if shown is not Viewed.PICTURE or before_ns is None:
            return True
        return not 0 <= time_ns - before_ns < self._picture_period_ns

    def take(self, shown: Viewed, type_name: str, message: Any, received_ns: int) -> None:
        """Shows a message. InvalidInputError for one that cannot be."""
        stamp = np.datetime64(_stamp_ns(message) or received_ns, "ns")
        self._output.set_time(TIMELINE, timestamp=stamp)
        if shown is Viewed.PICTURE:
            self._pictured_ns = received_ns
            self._show_picture(PICTURE_TYPES[type_name](message, MOST_PIXELS))
            self._place(CAMERA, message.header.frame_id)
        elif shown is Viewed.CAMERA_INFO:
            self._show_camera(message)
        elif shown is Viewed.TRANSFORMS:
            self._hear(message)
        elif shown is Viewed.RESULT:
            self._show_answer(answer_of(message, ""))
        else:
            self._output.log(
                STATE, rerun.StateChange(state=Activity.of(message.state).name.lower())
            )

    def close(self) -> None:
        """Sends what was not sent yet, and ends."""
        self._output.flush()
        self._output.disconnect()

    def _show_picture(self, pixels: Any) -> None:
        jpeg = jpeg_of(pixels, QUALITY)
        encoded = rerun.EncodedImage(contents=jpeg, media_type="image/jpeg")
        self._output.log(PICTURE, encoded)

    def _show_camera(self, info: Any) -> None:
        camera = camera_of(info)
        if camera is None:
            return
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        self._output.log(
            PICTURE,
            rerun.Pinhole(
                image_from_camera=matrix,
                resolution=(camera.width, camera.height),
                camera_xyz=rerun.ViewCoordinates.RDF,  # REP 103, of optical frames
            ),
        )

    def _hear(self, message: Any) -> None:
        for link in links_of(message, static=False):
            self._tree.hear(link)
        self._place(CAMERA, self._camera_frame)

    def _place(self, entity: str, frame: str) -> bool:
        """Tells where a frame lies, if that is new; whether it is known."""
        if entity == CAMERA:
            self._camera_frame = frame
        way = self._tree.way(frame, self._frame) if frame else None
        if way is None:
            return False
        if self._placed.get(entity) != way.pose:
            self._placed[entity] = way.pose
            w, x, y, z = way.pose.quaternion_wxyz
            turned = rerun.Quaternion(xyzw=(x, y, z, w))
            placed = rerun.Transform3D(translation=way.pose.position, quaternion=turned)
            self._output.log(entity, placed)
        return True

    def _show_answer(self, answer: Answer) -> None:
        code = answer.error_code
        said = f"{code.name}: {answer.error_msg}" if code else answer.text
        said = said or "; ".join(findings(answer)) or "nothing found"
        level = rerun.TextLogLevel.ERROR if code else rerun.TextLogLevel.INFO
        self._output.log(ANSWERS, rerun.TextLog(said, level=level))
        if code:
            return
        for name in TIMED:
            milliseconds = MS_PER_S * getattr(answer.timings, name)
            self._output.log(f"{TIMINGS}/{name}", rerun.Scalars(milliseconds))
        self._show(DETECTIONS, _boxes(answer))
        self._show(KEYPOINTS, _points(answer))
        self._show(CUBOIDS, _cuboids(answer))
        plan = answer.plan
        placed = plan is not None and self._place(PLAN, plan.frame_id)
        self._show(PLAN, _motion(plan, self._spaces) if plan is not None and placed else None)

    def _show(self, entity: str, shown: Any) -> None:
        self._output.log(entity, rerun.Clear(recursive=False) if shown is None else shown)
        if shown is None:  # with where it lies
            self._placed.pop(entity, None)

    @cached_property
    def _spaces(self) -> Mapping[str, ActionSpace]:
        return load_action_spaces(None)


def _stamp_ns(message: Any) -> int:
    """Of transforms the first one's; 0 without any."""
    stamped = getattr(message, "transforms", (message,))
    return nanoseconds_of(stamped[0].header.stamp) if stamped else 0


def _boxes(answer: Answer) -> Any:
    found = answer.detections
    if not found:
        return None
    return rerun.Boxes2D(
        array=[(one.box.x1, one.box.y1, one.box.x2, one.box.y2) for one in found],
        array_format=rerun.Box2DFormat.XYXY,
        labels=[f"{one.label} {one.score:.0%}" for one in found],
        colors=[color_of(number) for number in range(len(found))],
    )


def _points(answer: Answer) -> Any:
    seen = [point for one in answer.keypoints for point in one.points if point.visible]
    if not seen:
        return None
    return rerun.Points2D(
        [(point.x, point.y) for point in seen],
        labels=[point.name for point in seen],
        radii=rerun.Radius.ui_points(POINT_SIZE),
    )


def _cuboids(answer: Answer) -> Any:
    found = answer.cuboids
    if not found:
        return None
    return rerun.Boxes3D(
        centers=[one.center for one in found],
        sizes=[one.size for one in found],
        quaternions=[(x, y, z, w) for w, x, y, z in (one.quaternion_wxyz for one in found)],
        labels=[f"{one.label} {one.score:.0%}" for one in found],
        colors=[color_of(number) for number in range(len(found))],
    )


def _motion(plan: TaskPlan, spaces: Mapping[str, ActionSpace]) -> Any:
    """Arrows from where to where something is moved, or the path of moves; None for neither."""
    carried = [(one.name, one.start, one.end) for one in plan.steps if one.start and one.end]
    if carried:
        return rerun.Arrows3D(
            origins=[(start.x, start.y, 0) for _, start, _ in carried],
            vectors=[(end.x - start.x, end.y - start.y, 0) for _, start, end in carried],
            labels=[f"{number}: {name}" for number, (name, _, _) in enumerate(carried, start=1)],
            colors=[ARROW],
        )
    space = spaces.get(plan.action_space)
    path = motion_path(plan, space) if space is not None else None
    if path is None or path.is_still:
        return None
    return rerun.LineStrips3D([path.points], colors=[PATH], labels=[plan.steps[-1].name])


def _arrangement() -> Any:
    return layout.Blueprint(
        layout.Horizontal(
            layout.Vertical(
                layout.Spatial2DView(origin=PICTURE, name="what it sees"),
                layout.TextLogView(origin=ANSWERS, name="what it answers"),
                row_shares=(3, 1),
            ),
            layout.Vertical(
                layout.Spatial3DView(origin=ROBOT, name="scene"),
                layout.TimeSeriesView(origin=TIMINGS, name="milliseconds of an answer"),
                layout.StateTimelineView(origin=STATE, name="what it does"),
                row_shares=(3, 1, 1),
            ),
        ),
        layout.TimePanel(timeline=TIMELINE, play_state="following"),  # what came last
        layout.BlueprintPanel(state="collapsed"),
        layout.SelectionPanel(state="collapsed"),
    )
