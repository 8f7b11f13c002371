"""A CameraInfo is read as CameraInfo.msg and image_geometry say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from uio2_ros.messages.camera_info import camera_info_message, camera_of, shows_rectified
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError

PLAIN = CameraModel(160, 120, 150.0, 140.0, 80.0, 60.0)
PICTURE = (160, 120)
BENT = (-0.3, 0.1, 0.0, 0.0, 0.0)


TURNED = [np.cos(0.02), 0.0, np.sin(0.02), 0.0, 1.0, 0.0, -np.sin(0.02), 0.0, np.cos(0.02)]
"""About the vertical."""


def k(fx: float, fy: float, cx: float, cy: float) -> list[float]:
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def p(fx: float, fy: float, cx: float, cy: float, tx: float = 0.0) -> list[float]:
    return [fx, 0.0, cx, tx, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]


def info(**changes: Any) -> CameraInfo:
    """That of `PLAIN`, with changes."""
    fields: dict[str, Any] = {
        "width": 160,
        "height": 120,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": k(150.0, 140.0, 80.0, 60.0),
        "p": p(150.0, 140.0, 80.0, 60.0),
    }
    return CameraInfo(**fields | changes)


def full(focal: float, **changes: Any) -> CameraInfo:
    """Of a sensor of 320 x 240 pixels."""
    numbers = (focal, focal, 160.0, 120.0)
    return info(width=320, height=240, k=k(*numbers), p=p(*numbers), **changes)


@pytest.mark.parametrize(
    "camera",
    [
        PLAIN,
        CameraModel(160, 120, 150.0, 140.0, 80.0, 60.0, "plumb_bob", BENT),
        CameraModel(160, 120, 150.0, 140.0, 80.0, 60.0, "equidistant", (0.1, 0.01, 0.0, 0.0)),
    ],
)
def test_a_camera_comes_back(camera: CameraModel) -> None:
    message = camera_info_message(camera, Header(frame_id="camera"))
    assert message.header.frame_id == "camera"
    assert camera_of(message) == camera_of(message, size=PICTURE) == camera


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (info(), (150, 140, 80, 60)),
        # the driver binned: width, height and matrices are those of the sensor
        (full(300.0, binning_x=2, binning_y=2), (150, 150, 80, 60)),
        # matrices of the binned picture already, though binning is named
        (info(binning_x=2, binning_y=2), (150, 140, 80, 60)),
        # a window of the sensor
        (
            full(150.0, roi=RegionOfInterest(x_offset=80, y_offset=60, width=160, height=120)),
            (150, 150, 80, 60),
        ),
        # a window, binned
        (
            info(
                width=640,
                height=480,
                k=k(300, 300, 320, 240),
                p=p(300, 300, 320, 240),
                binning_x=2,
                binning_y=2,
                roi=RegionOfInterest(x_offset=160, y_offset=120, width=320, height=240),
            ),
            (150, 150, 80, 60),
        ),
        (info(roi=RegionOfInterest(width=160, height=120, do_rectify=True)), (150, 140, 80, 60)),
        # some simulators give no size
        (info(width=0, height=0), (150, 140, 80, 60)),
        # no distortion: raw and rectified are one, and P is that picture's
        (info(p=p(100, 100, 80, 60)), (100, 100, 80, 60)),
        # but for a stereo camera, whose rectified picture is turned
        (info(p=p(100, 100, 80, 60), r=TURNED), (150, 140, 80, 60)),
        (info(p=[0.0] * 12), (150, 140, 80, 60)),
        # the right camera of a stereo pair
        (info(p=p(150, 140, 80, 60, tx=-18.0)), (150, 140, 80, 60)),
    ],
)
def test_the_numbers_are_those_of_the_picture_that_comes(
    message: CameraInfo, expected: tuple[float, ...]
) -> None:
    camera = camera_of(message, size=PICTURE)
    assert camera is not None
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == expected
    assert (camera.width, camera.height) == PICTURE
    assert not camera.distortion


def test_a_picture_of_another_size_is_not_taken_for_that_of_the_camera() -> None:
    camera = camera_of(full(300.0), size=PICTURE)
    assert camera is not None
    assert (camera.width, camera.height, camera.fx) == (320, 240, 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"k": [0.0] * 9, "p": [0.0] * 12},
        {"k": [0.0] * 9, "p": [0.0] * 12, "width": 0, "height": 0},
        {"k": [0.0] * 9},
        {"k": k(np.nan, 1, 1, 1)},
        {"k": k(-150, 150, 80, 60)},
        {"k": [0.0] * 9, "d": [*BENT]},
    ],
)
def test_what_is_not_calibrated_is_no_camera(changes: dict[str, Any]) -> None:
    assert camera_of(info(**changes), size=PICTURE) is None


def test_a_lens_bends_raw_pictures_and_not_rectified_ones() -> None:
    message = info(p=p(100, 100, 80, 60), d=list(BENT))
    raw, rectified = camera_of(message), camera_of(message, rectified=True)
    assert raw is not None
    assert rectified is not None
    assert (raw.fx, raw.distortion_model, raw.distortion) == (150, "plumb_bob", BENT)
    assert (rectified.fx, rectified.distortion) == (100, ())


def test_rectified_pictures_of_a_turned_camera_have_its_projection() -> None:
    camera = camera_of(info(p=p(100, 100, 80, 60), r=TURNED), rectified=True)
    assert camera is not None
    assert (camera.fx, camera.fy) == (100, 100)


def test_binning_leaves_the_bend_as_it_is() -> None:
    camera = camera_of(full(300.0, d=list(BENT), binning_x=2, binning_y=2))
    assert camera is not None
    assert (camera.fx, camera.distortion) == (150, BENT)


def test_an_unknown_lens_is_refused_by_name_unless_pictures_are_rectified() -> None:
    message = info(distortion_model="omni", d=[0.1])
    with pytest.raises(InvalidInputError, match=r"'omni' is unknown; expected one of plumb_bob"):
        camera_of(message)
    assert camera_of(message, rectified=True) == PLAIN


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/camera/image_rect", True),
        ("/camera/image_rect_color/compressed", True),
        ("/camera/image_raw", False),
        ("/camera/image_rect_raw_of_mine", False),
        ("image", False),
    ],
)
def test_topics_say_whether_they_are_rectified(topic: str, rectified: bool) -> None:
    assert shows_rectified(topic) is rectified


def test_how_pictures_are_rectified_is_told_as_it_was_calibrated() -> None:
    camera = CameraModel(640, 480, 500.0, 501.0, 320.0, 240.0)
    turned, projection = (
        (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
        tuple(map(float, range(12))),
    )
    told = camera_info_message(camera, Header(), rectification=turned, projection=projection)
    assert (tuple(told.r), tuple(told.p)) == (turned, projection)
    assert tuple(told.k) == (500.0, 0.0, 320.0, 0.0, 501.0, 240.0, 0.0, 0.0, 1.0)
