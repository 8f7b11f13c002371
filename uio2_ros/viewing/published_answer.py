"""What an agent's topics said about one answer, from DDS or from a recording. No ROS.

Messages are anything with the fields of their types.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.messages.camera_info import camera_of
from uio2_ros.messages.images import image_to_rgb, metres_of
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.messages.transforms import links_of
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.frames import FrameTree
from uio2_ros.robot.poses import Pose3D
from uio2_ros.viewing.marker_board import MarkerBoard
from uio2_ros.viewing.panels import depth_colors
from uio2_ros.viewing.scene import Eye, Scene, depth_cloud, scenes_of
from uio2_ros.viewing.shapes import Shape

RELATIVE_TOPICS = {
    "debug_image": "sensor_msgs/msg/Image",
    "markers": "visualization_msgs/msg/MarkerArray",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "depth": "sensor_msgs/msg/Image",
}
"""Of the agent's namespace."""
GLOBAL_TOPICS = {"/tf": "tf2_msgs/msg/TFMessage", "/tf_static": "tf2_msgs/msg/TFMessage"}


class PublishedAnswer:
    """The newest message of each topic; not for several threads at once."""

    def __init__(self) -> None:
        self._newest: dict[str, Any] = {}
        self._board = MarkerBoard()
        self._tree = FrameTree()

    def take(self, topic: str, message: Any) -> None:
        """A message of one of the topics above, by the topic's name there."""
        if topic in GLOBAL_TOPICS:
            for link in links_of(message, static=topic == "/tf_static"):
                self._tree.hear(link)
            return
        self._newest[topic] = message
        if topic == "markers":
            self._board.update(message)

    @property
    def marked(self) -> int | None:
        """The stamp (ns) of the picture that the markers are about; None before any."""
        markers = self._newest["markers"].markers if "markers" in self._newest else []
        return nanoseconds_of(markers[0].header.stamp) if markers else None

    @property
    def drawn(self) -> int | None:
        """The stamp (ns) of the picture that was drawn on; None before any."""
        drawing = self._newest.get("debug_image")
        return None if drawing is None else nanoseconds_of(drawing.header.stamp)

    @property
    def has_camera(self) -> bool:
        """Whether the camera's intrinsics are known and can be used."""
        return self._camera() is not None

    @property
    def is_connected(self) -> bool:
        """Whether TF knows how all that is shown lies to one another."""
        eye = self._eye()
        frames = {name for name, _ in self._board.shapes()} | ({eye.frame_id} if eye else set())
        return not frames or frames <= self._tree.poses_in(next(iter(frames))).keys()

    def drawing(self) -> npt.NDArray[np.uint8] | None:
        """(H, W, 3) RGB; InvalidInputError if the message is none."""
        message = self._newest.get("debug_image")
        return None if message is None else image_to_rgb(message)

    def camera_model(self, size: tuple[int, int] | None) -> CameraModel | None:
        """The intrinsics for a picture of so many pixels, or of as many as they are told for; None
        where they are not known."""
        info = self._newest.get("camera_info")
        with suppress(InvalidInputError):
            return None if info is None else camera_of(info, size=size)
        return None

    def seen_by_camera(self, frame: str) -> Pose3D | None:
        """The pose of a frame in the camera's optical frame; None where TF does not tell."""
        eye = self._eye()
        way = None if eye is None else self._tree.way(frame, eye.frame_id)
        return None if way is None else way.pose

    def scenes(self, frame: str) -> list[Scene]:
        """The markers, the depth and the camera's view, in `frame` where TF connects them."""
        placed = self._board.shapes()
        cloud = self._cloud()
        if cloud is not None:
            placed.append(cloud)
        eye = self._eye()
        return scenes_of(placed, self._tree, eye, frame) if placed or eye is not None else []

    def _eye(self) -> Eye | None:
        """The frame of the picture; the frame of the intrinsics where there is no picture."""
        source = self._newest.get("debug_image") or self._newest.get("camera_info")
        if source is None or not source.header.frame_id:
            return None
        return Eye(source.header.frame_id.lstrip("/"), self._camera())

    def _camera(self) -> CameraModel | None:
        picture = self._newest.get("debug_image")
        return self.camera_model(None if picture is None else (picture.width, picture.height))

    def _cloud(self) -> tuple[str, Shape] | None:
        """The depth of the picture that the markers are about, as dots."""
        depth, camera = self._newest.get("depth"), self._camera()
        if depth is None or camera is None or nanoseconds_of(depth.header.stamp) != self.marked:
            return None
        metres = metres_of(depth)
        dots = depth_cloud(metres, depth_colors(metres)[0], camera)
        return depth.header.frame_id.lstrip("/"), dots
