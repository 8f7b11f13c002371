"""Cameras as CameraInfo and back, as sensor_msgs/CameraInfo.msg and image_geometry read it.

* K and D are of the raw picture. P is of the rectified one, whose topics end in `image_rect` or
  `image_rect_color`; where D is zero or absent and R turns nothing, the two pictures are one, and P
  counts as well.
* R turns the camera into the rectified one. Like image_geometry and stereo_image_proc we give what
  is found in rectified pictures in the frame that their header names, not turned back.
* A region of interest and binning are of the sensor: width, height and the matrices are those of
  the full picture, and the picture that comes is cut out of it first and then binned.
* Tx and Ty, of the right camera of a stereo pair, are not used: what is found in its pictures lies
  relative to that camera itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo
    from std_msgs.msg import Header

RECTIFIED = ("image_rect", "image_rect_color")
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""R of a camera whose rectified picture looks where the raw one does."""


def shows_rectified(picture_topic: str) -> bool:
    """Whether a topic has rectified pictures by its name (REP 104)."""
    names = picture_topic.rstrip("/").split("/")
    return any(name in RECTIFIED for name in names)


def camera_of(
    info: Any, *, rectified: bool = False, size: tuple[int, int] | None = None
) -> CameraModel | None:
    """The camera of a CameraInfo; None where it is not calibrated (K says no focal lengths).

    rectified: whether the pictures are (`shows_rectified`). size: width and height of the picture,
    which decide where a driver gives the matrices of the picture it has binned already, and stand
    for a size that is not given; without it the message alone does. InvalidInputError for an
    unknown model of distortion.
    """
    lens = tuple(map(float, info.d))
    bends = any(lens) and not rectified
    raw, projected = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)[:, :3]
    if not _is_calibrated(raw):
        return None
    is_raw = bends or (_is_turned(info) and not rectified)
    matrix = raw if is_raw or not _is_calibrated(projected) else projected
    full = (int(info.width), int(info.height))
    shown = _shown_size(info, full)
    if size is None or size != full:
        matrix = _from_full(info) @ matrix
    width, height = size if size is not None and (size == full or not all(full)) else shown
    try:
        return CameraModel(
            width=width,
            height=height,
            fx=float(matrix[0, 0]),
            fy=float(matrix[1, 1]),
            cx=float(matrix[0, 2]),
            cy=float(matrix[1, 2]),
            distortion_model=info.distortion_model if bends else "",
            distortion=lens if bends else (),
        )
    except ValueError as error:
        raise InvalidInputError(f"camera_info cannot be used: {error}") from error


def _is_calibrated(matrix: npt.NDArray[np.float64]) -> bool:
    numbers = (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
    return bool(np.isfinite(numbers).all() and min(numbers[:2]) > 0)


def _is_turned(info: Any) -> bool:
    """Whether R says that the rectified picture looks elsewhere than the raw one; zeros: no R."""
    rotation = np.array(info.r).reshape(3, 3)
    return bool(rotation.any()) and not np.allclose(rotation, np.eye(3), atol=1e-9)


def _shown_size(info: Any, full: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the picture that comes, by the message."""
    width, height = (info.roi.width or full[0], info.roi.height or full[1])
    return width // max(1, info.binning_x), height // max(1, info.binning_y)


def _from_full(info: Any) -> npt.NDArray[np.float64]:
    """(3, 3): from pixels of the full picture to those of the one that comes."""
    scale_x, scale_y = 1 / max(1, info.binning_x), 1 / max(1, info.binning_y)
    left, top = info.roi.x_offset, info.roi.y_offset
    return np.array([[scale_x, 0, -left * scale_x], [0, scale_y, -top * scale_y], [0, 0, 1.0]])


def camera_info_message(
    camera: CameraModel,
    header: Header,
    *,
    rectification: Sequence[float] = UPRIGHT,
    projection: Sequence[float] = (),
) -> CameraInfo:
    """What `camera_of` reads as that camera, for pictures of its size.

    rectification, projection: R (3, 3) and P (3, 4), row by row; P is K where it is not given.
    """
    from sensor_msgs.msg import CameraInfo

    fx, fy, cx, cy = map(float, (camera.fx, camera.fy, camera.cx, camera.cy))
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model=camera.distortion_model or "plumb_bob",
        d=list(camera.distortion) or [0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=list(rectification),
        p=list(projection) or [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
