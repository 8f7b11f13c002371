"""A camera for benchmarks: publishes pictures on time and counts them exactly.

Usage: python -m uio2_ros.cli.bench_camera TOPIC WIDTH HEIGHT RATE_HZ

Reads a command per line: `stream` publishes until the next command, `count N` publishes N pictures
and prints `sent N`, the end of the input ends it. The message is serialised once and only its stamp
is written anew, so that the camera takes little of the time that is measured.
"""

from __future__ import annotations

import itertools
import select
import struct
import sys
import time
from collections.abc import Iterable

import rclpy
from rclpy.publisher import Publisher
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from uio2_ros.processes.parent_watch import exit_when_parent_dies
from uio2_ros.robot.time import split

STAMP = struct.Struct("<iI")  # seconds and nanoseconds
STAMP_OFFSET = 4  # bytes, after the encapsulation header of CDR
CHANNELS = 3


class PicturePublisher:
    """Publishes one picture again and again, at a rate."""

    def __init__(
        self, publisher: Publisher[Image], width: int, height: int, rate_hz: float
    ) -> None:
        self._publisher = publisher
        self._period_s = 1.0 / rate_hz
        row = bytes(value % 256 for value in range(width * CHANNELS))
        picture = Image(height=height, width=width, step=len(row), encoding="rgb8")
        picture.header.frame_id = "camera_optical_frame"
        picture.data.frombytes(row * height)
        self._serialised = bytearray(serialize_message(picture))

    def publish(self, numbers: Iterable[int]) -> int:
        """Publish a picture per number, until they end or a command waits; returns how many."""
        start, sent = time.monotonic(), 0
        for number in numbers:
            STAMP.pack_into(self._serialised, STAMP_OFFSET, *split(time.time_ns()))
            self._publisher.publish(bytes(self._serialised))
            sent += 1
            due = start + (number + 1) * self._period_s
            time.sleep(max(0.0, due - time.monotonic()))
        return sent


def main(argv: list[str]) -> int:
    exit_when_parent_dies()
    topic, width, height, rate_hz = argv
    rclpy.init(args=[])
    node = rclpy.create_node("bench_camera", enable_rosout=False)
    publisher = node.create_publisher(Image, topic, qos_profile_sensor_data)
    camera = PicturePublisher(publisher, int(width), int(height), float(rate_hz))
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "stream":
            camera.publish(itertools.takewhile(lambda _: not _command_waits(), itertools.count()))
        else:
            print("sent", camera.publish(range(int(arguments[0]))), flush=True)
    rclpy.try_shutdown()
    return 0


def _command_waits() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
