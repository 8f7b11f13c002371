"""`./uio2 bench sim`: whether sim_node keeps up with the clock while its arm works.

The node runs in a process of its own; this one hears its pictures and hands it poses, so that there
is always something to simulate.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from uio2_ros.cli.measurement import Measurement, table

MODULE = "uio2_ros.nodes.simulator.node"
MOST_CPU_S = 2.0
"""Of two cores, per second."""
TOLERANCE = 1.02
START_S = 60.0


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 if a limit is exceeded."""
    options = _parse(argv)
    os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randrange(1, 100))
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    words = [sys.executable, "-m", MODULE, "--ros-args"]
    parameters = {"width": options.width, "height": options.height, "image_rate": options.rate}
    for name, value in parameters.items():
        words += ["-p", f"{name}:={value}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        measurements = _measure(process.pid, options.rate, options.seconds)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
    print(table(measurements))
    return 0 if all(item.passes for item in measurements) else 1


def _measure(pid: int, rate_hz: float, seconds: float) -> list[Measurement]:
    import psutil
    import rclpy
    from geometry_msgs.msg import PoseStamped
    from sensor_msgs.msg import Image
    from std_msgs.msg import Bool

    rclpy.init()
    node = rclpy.create_node("bench_sim")
    arrived_s: list[float] = []

    def keep(_: Image) -> None:
        arrived_s.append(time.monotonic())

    poses = [node.create_publisher(PoseStamped, name, 10) for name in ("pick_pose", "place_pose")]

    def work(_: Bool) -> None:
        for publisher, side in zip(poses, (0.3, -0.3), strict=True):
            publisher.publish(_pose(PoseStamped(), side))

    node.create_subscription(Image, "image", keep, 10)
    node.create_subscription(Bool, "step_done", work, 10)
    _spin_until(node, lambda: len(arrived_s) > 0, START_S)
    work(Bool())
    _spin_until(node, lambda: False, 2.0)
    simulator = psutil.Process(pid)
    used, first = simulator.cpu_times(), len(arrived_s) - 1
    _spin_until(node, lambda: False, seconds)
    cpu_s = sum(simulator.cpu_times()[:2]) - sum(used[:2])
    node.destroy_node()
    rclpy.try_shutdown()
    gaps_s = [late - early for early, late in pairwise(arrived_s[first:])]
    simulated_s = len(gaps_s) / rate_hz
    passed_s = arrived_s[-1] - arrived_s[first]
    note = f"longest gap {max(gaps_s) * 1e3:.0f} ms, {len(gaps_s)} pictures"
    return [
        Measurement(
            "between two pictures, mean",
            passed_s / len(gaps_s) * 1e3,
            TOLERANCE * 1e3 / rate_hz,
            "ms",
            note,
        ),
        Measurement(
            "processor time per simulated second",
            cpu_s / simulated_s,
            MOST_CPU_S,
            "s",
            f"load average {os.getloadavg()[0]:.1f}",
        ),
    ]


def _pose(message: Any, side: float) -> Any:
    """A tool above the table that points down."""
    message.pose.position.x, message.pose.position.y = 0.5, side
    message.pose.position.z = 0.05 if side < 0 else 0.02
    message.pose.orientation.x, message.pose.orientation.w = 1.0, 0.0
    return message


def _spin_until(node: Any, done: Callable[[], bool], most_s: float) -> None:
    import rclpy

    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s and not done():
        rclpy.spin_once(node, timeout_sec=0.05)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./uio2 bench sim", description=__doc__)
    parser.add_argument("--width", type=int, default=320, help="pixels")
    parser.add_argument("--height", type=int, default=240, help="pixels")
    parser.add_argument("--rate", type=float, default=15.0, help="pictures per second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring")
    return parser.parse_args(argv)
