"""A camera for benchmarks: publishes pictures on time and counts them exactly.

Usage: python -m uio2_ros.cli.bench_camera TOPIC WIDTH HEIGHT RATE_HZ

Reads a command per line: `stream` publishes until the next command, `count N` publishes N pictures
and prints `sent N`, `reliable` and `best_effort` begin anew with that QoS, `clock S` from then on
tells the time in /clock, S seconds off the system's; the end of the input ends it. The message is
serialised once and only its stamp is written anew, so that the camera takes little of the time that
is measured.
"""

from __future__ import annotations

import itertools
import select
import struct
import sys
import time
from collections.abc import Iterable

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from uio2_ros.messages.stamps import time_message
from uio2_ros.processes.parent_watch import exit_when_parent_dies
from uio2_ros.robot.time import split, to_ns

STAMP = struct.Struct("<iI")  # seconds and nanoseconds
STAMP_OFFSET = 4  # bytes, after the encapsulation header of CDR
CHANNELS = 3
DEPTH = 5  # of the queue, as of sensors


class PicturePublisher:
    """Publishes one picture again and again, at a rate."""

    def __init__(self, node: Node, topic: str, width: int, height: int, rate_hz: float) -> None:
        self._node = node
        self._topic = topic
        self._period_s = 1.0 / rate_hz
        row = bytes(value % 256 for value in range(width * CHANNELS))
        picture = Image(height=height, width=width, step=len(row), encoding="rgb8")
        picture.header.frame_id = "camera_optical_frame"
        picture.data.frombytes(row * height)
        self._serialised = bytearray(serialize_message(picture))
        self._publisher: Publisher[Image] | None = None
        self._clock: Publisher[Clock] | None = None
        self._ahead_ns = 0
        self.offer(ReliabilityPolicy.BEST_EFFORT)

    def offer(self, reliability: ReliabilityPolicy) -> None:
        """Begins anew with this QoS."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
        profile = QoSProfile(depth=DEPTH, reliability=reliability)
        self._publisher = self._node.create_publisher(Image, self._topic, profile)

    def tell_time(self, ahead_s: float) -> None:
        """From now on /clock has the time of the stamps, so far off the system's."""
        self._ahead_ns = to_ns(ahead_s)
        self._clock = self._clock or self._node.create_publisher(Clock, "/clock", 10)

    def publish(self, numbers: Iterable[int]) -> int:
        """Publish a picture per number, until they end or a command waits; returns how many."""
        assert self._publisher is not None
        start, sent = time.monotonic(), 0
        for number in numbers:
            now_ns = time.time_ns() + self._ahead_ns
            STAMP.pack_into(self._serialised, STAMP_OFFSET, *split(now_ns))
            if self._clock is not None:
                self._clock.publish(Clock(clock=time_message(now_ns)))
            self._publisher.publish(bytes(self._serialised))
            sent += 1
            due = start + (number + 1) * self._period_s
            time.sleep(max(0.0, due - time.monotonic()))
        return sent

    def obey(self, command: str, *arguments: str) -> None:
        """One line of the input; see the module."""
        if command == "stream":
            self.publish(itertools.takewhile(lambda _: not _command_waits(), itertools.count()))
        elif command == "count":
            print("sent", self.publish(range(int(arguments[0]))), flush=True)
        elif command == "clock":
            self.tell_time(float(arguments[0]))
        else:
            self.offer(ReliabilityPolicy[command.upper()])


def main(argv: list[str]) -> int:
    exit_when_parent_dies()
    topic, width, height, rate_hz = argv
    rclpy.init(args=[])
    node = rclpy.create_node("bench_camera", enable_rosout=False)
    camera = PicturePublisher(node, topic, int(width), int(height), float(rate_hz))
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as commands:
        for line in commands:  # unbuffered, or `_command_waits` would not know of a line read ahead
            camera.obey(*line.decode().split())
    rclpy.try_shutdown()
    return 0


def _command_waits() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
