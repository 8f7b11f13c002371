"""camera_node: pictures of a camera, a video, a folder or a file as ROS topics.

Publishes `image`, on request `image/compressed` (JPEG), and `camera_info`, best effort, stamped
with the time of capture. Pictures are copied once, into the buffer that rclpy serialises.
"""

from __future__ import annotations

import array
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from uio2_ros.messages.camera_info import camera_info_message
from uio2_ros.messages.compressed import jpeg_message
from uio2_ros.nodes.sources.camera_calibration import (
    Calibration,
    assumed_calibration,
    read_calibration,
)
from uio2_ros.nodes.sources.camera_sources import (
    CameraFrame,
    DeviceFormat,
    PictureSource,
    Pixels,
    is_demonstration,
    open_source,
)
from uio2_ros.nodes.sources.source_error import SourceError
from uio2_ros.nodes.sources.source_node import SourceNode, SourceSettings, run
from uio2_ros.settings import setting


@dataclass(frozen=True)
class CameraSettings(SourceSettings):
    """The parameters of the camera."""

    source: str = setting(
        "auto", "auto, a device (/dev/video0 or 0), a video, a picture or a folder"
    )
    rate_hz: float = setting(
        15.0,
        "pictures per second; a video or device may have fewer",
        low=0.01,
        high=1000.0,
        name="rate",
    )
    width: int = setting(0, "pixels asked of a device; 0: its own choice", high=16384)
    height: int = setting(0, "pixels asked of a device; 0: its own choice", high=16384)
    encoding: str = setting("bgr8", "order of the colours on image", choices=("bgr8", "rgb8"))
    compressed: bool = setting(False, "publish JPEG on image/compressed too")
    jpeg_quality: int = setting(90, "of image/compressed; larger is finer", high=100)
    frame_id: str = setting(
        "camera_optical_frame", "frame of the pictures: z forward, x right, y down"
    )
    calibration_file: str = setting("", "camera_calibration YAML; empty: horizontal_fov is assumed")
    horizontal_fov: float = setting(
        1.05, "radians seen from side to side, without a calibration file", low=0.01, high=3.1
    )

    @property
    def device_format(self) -> DeviceFormat:
        """What is asked of a device."""
        return DeviceFormat(self.width, self.height, self.rate_hz)


class ImageBuffer:
    """An Image message whose pixels are overwritten in place. One thread."""

    def __init__(self, encoding: str) -> None:
        self._swap = encoding == "rgb8"
        self._message = Image(encoding=encoding)
        self._shown: Pixels | None = None

    def fill(self, bgr: Pixels, header: Header) -> Image:
        """The message with these (height, width, 3) BGR pixels; valid until the next call."""
        message = self._message
        message.header = header
        if bgr is self._shown:
            return message
        height, width, _ = bgr.shape
        if (message.height, message.width) != (height, width):
            message.height, message.width, message.step = height, width, width * 3
            # anything but array.array is checked and copied byte by byte in Python
            message.data = array.array("B", bytes(height * width * 3))
        view = np.frombuffer(message.data, np.uint8).reshape(bgr.shape)
        if self._swap:
            cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=view)
        else:
            np.copyto(view, bgr)
        self._shown = bgr
        return message


class CameraNode(SourceNode[CameraSettings]):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("camera", CameraSettings)
        sensor_qos = qos_profile_sensor_data
        self._image = self.create_publisher(Image, "image", sensor_qos)
        self._jpeg = self.create_publisher(CompressedImage, "image/compressed", sensor_qos)
        self._camera_info = self.create_publisher(CameraInfo, "camera_info", sensor_qos)
        self._readings: dict[str, str] = {}
        self._published = 0
        self._counted = (0, time.monotonic())

    def stream(self) -> None:
        """Publish the source's pictures until the node stops."""
        settings = self.settings()
        source = open_source(settings.source, settings.device_format)
        try:
            self._stream(source, settings)
        finally:
            source.close()

    def _stream(self, source: PictureSource, settings: CameraSettings) -> None:
        period_s = 1.0 / min(settings.rate_hz, source.rate_hz)
        buffer = ImageBuffer(settings.encoding)
        calibration: Calibration | None = None
        due_s = time.monotonic()
        while True:
            if not source.live:
                self.reopen.wait(due_s - time.monotonic())
            if self.over:
                return
            picture = source.read(due_s)
            if picture is None:
                continue
            height, width, _ = picture.bgr.shape
            if calibration is None:
                calibration = _calibration(settings, width, height)
                self._announce(source, settings, calibration)
            elif calibration.size != (width, height):
                calibration = _calibration(settings, width, height)
                self._readings["size"] = f"{width}x{height}"
            self._warn_of(source)
            self._publish(picture, settings, buffer, calibration)
            due_s = max(due_s + period_s, time.monotonic() - period_s)  # late, but no burst

    def _announce(
        self, source: PictureSource, settings: CameraSettings, calibration: Calibration
    ) -> None:
        size = "{}x{}".format(*calibration.size)
        self._readings = {"source": source.name, "size": size, "frame_id": settings.frame_id}
        if is_demonstration(source):
            self._readings["warning"] = "no camera found: showing the demonstration picture"
            self.get_logger().warning(
                "no camera found: showing the demonstration picture (a cup of coffee); "
                "name a source with camera:=<device, video, picture or folder>"
            )
        rate_hz = min(settings.rate_hz, source.rate_hz)
        self.running(f"{source.name}, {size}, {rate_hz:g} Hz, on {self._image.topic_name}")

    def _warn_of(self, source: PictureSource) -> None:
        """What the diagnostics say while a source gives pictures, though not all it should."""
        if source.warning and self._readings.get("warning") != source.warning:
            self.get_logger().warning(f"{source.name}: {source.warning}")
            self._readings["warning"] = source.warning

    def _publish(
        self,
        picture: CameraFrame,
        settings: CameraSettings,
        buffer: ImageBuffer,
        calibration: Calibration,
    ) -> None:
        stamp = self.get_clock().now() - Duration(seconds=picture.age_s)
        header = Header(stamp=stamp.to_msg(), frame_id=settings.frame_id)
        if _is_heard(self._image):
            self._image.publish(buffer.fill(picture.bgr, header))
        if settings.compressed and _is_heard(self._jpeg):
            rgb = picture.bgr[..., ::-1]
            self._jpeg.publish(jpeg_message(rgb, header, settings.jpeg_quality))
        self._camera_info.publish(
            camera_info_message(
                calibration.camera,
                header,
                rectification=calibration.rectification,
                projection=calibration.projection,
            )
        )
        self._published += 1

    def readings(self) -> dict[str, str]:
        """Source, size and measured rate."""
        published, now_s = self._published, time.monotonic()
        before, before_s = self._counted
        self._counted = (published, now_s)
        rate_hz = (published - before) / max(now_s - before_s, 1e-3)
        return {**self._readings, "rate (Hz)": f"{rate_hz:.1f}", "published": str(published)}


def _is_heard(publisher: Publisher[Any]) -> bool:
    return publisher.get_subscription_count() > 0


def _calibration(settings: CameraSettings, width: int, height: int) -> Calibration:
    """For pictures of this size; SourceError if the file is for another."""
    if not settings.calibration_file:
        return assumed_calibration(width, height, settings.horizontal_fov)
    calibration = read_calibration(Path(settings.calibration_file).expanduser())
    if calibration.size != (width, height):
        raise SourceError(
            "{} is for {}x{} pixels ".format(settings.calibration_file, *calibration.size)
            + f"but the source gives {width}x{height}",
            "set width and height of the camera, or calibrate at this size",
        )
    return calibration


def main(args: list[str] | None = None) -> int:
    """Entry point of camera_node."""
    return run(CameraNode, "camera", args)


if __name__ == "__main__":
    sys.exit(main())
