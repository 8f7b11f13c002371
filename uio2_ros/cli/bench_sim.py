"""`./uio2 bench sim`: whether sim_node keeps up with the clock while its arm works.

The node runs in a process of its own; this one hears its pictures and hands it poses, so that there
is always something to simulate.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from itertools import pairwise

import psutil
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from uio2_ros.cli.faults.stage import FaultStage, wait_until
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude
from uio2_ros.messages.poses import pose_message
from uio2_ros.robot.poses import Pose3D

MODULE = "uio2_ros.nodes.simulator.node"
MOST_CPU_S = 2.0
"""Of two cores, per second."""
TOLERANCE = 1.02
SETTLE_S = 2.0


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 if a limit is exceeded."""
    options = _parse(argv)
    with FaultStage() as stage:
        size = {"width": options.width, "height": options.height}
        simulator = stage.node(MODULE, image_rate=options.rate, **size)
        results = _measure(stage, simulator.pid, options.rate, options.seconds)
    return conclude(results, options.json)


def _measure(stage: FaultStage, pid: int, rate_hz: float, seconds: float) -> list[Measurement]:
    node = stage.client.node
    arrived_s: list[float] = []

    def keep(_: Image) -> None:
        arrived_s.append(time.monotonic())

    poses = [node.create_publisher(PoseStamped, name, 10) for name in ("pick_pose", "place_pose")]

    def work(_: Bool) -> None:
        for publisher, side in zip(poses, (0.3, -0.3), strict=True):
            publisher.publish(_pose(side))

    node.create_subscription(Image, "image", keep, 10)
    node.create_subscription(Bool, "step_done", work, 10)
    wait_until(lambda: bool(arrived_s), "a picture")
    work(Bool())
    time.sleep(SETTLE_S)
    simulator = psutil.Process(pid)
    used, first = simulator.cpu_times(), len(arrived_s) - 1
    time.sleep(seconds)
    cpu_s = sum(simulator.cpu_times()[:2]) - sum(used[:2])
    measured_s = arrived_s[first:]
    gaps_s = [late - early for early, late in pairwise(measured_s)]
    simulated_s = len(gaps_s) / rate_hz
    passed_s = measured_s[-1] - measured_s[0]
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


def _pose(side: float) -> PoseStamped:
    """A tool above the table that points down."""
    pose = Pose3D((0.5, side, 0.05 if side < 0 else 0.02), (0.0, 1.0, 0.0, 0.0))
    return PoseStamped(pose=pose_message(pose))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("sim", __doc__)
    parser.add_argument("--width", type=int, default=320, help="pixels")
    parser.add_argument("--height", type=int, default=240, help="pixels")
    parser.add_argument("--rate", type=float, default=15.0, help="pictures per second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring")
    return parser.parse_args(argv)
