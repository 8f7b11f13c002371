"""What the benchmark concludes, and that its camera counts exactly."""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
import time

import pytest
import rclpy
from patience import patient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from uio2_ros.cli.bench_ros import Call, growth_of, overhead_of
from uio2_ros.cli.dds_domain import unused_domain

ALL = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
"""All pictures have room until somebody looks at them."""
DOMAIN = unused_domain()


def test_overhead_is_what_the_model_did_not_take() -> None:
    calls = [
        Call(latency_s=1.0, agent_s=0.997, model_s=0.99),
        Call(1.0, 0.988, 0.98),
        Call(1.0, 0.999, 0.995),
    ]
    measurement = overhead_of(calls, empty_call_s=0.002)
    assert math.isclose(measurement.value, 10.0, abs_tol=1e-6)
    assert "7.0 ms of it in the agent, 2.0 ms an empty call" in measurement.note
    assert "longest 20.0 ms" in measurement.note


def test_steady_memory_passes_and_a_leak_fails() -> None:
    noise = [100_000_000 + 1000 * (i % 7) for i in range(100)]
    assert growth_of(noise, 1.0).passes
    leak = [100_000_000 + 50_000 * i for i in range(100)]
    assert not growth_of(leak, 1.0).passes


def test_memory_that_shrinks_has_not_grown() -> None:
    assert growth_of([200, 200, 100, 100, 100], 1.0).value == 0.0


def started_camera() -> subprocess.Popen[str]:
    environ = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN)}
    command = [sys.executable, "-m", "uio2_ros.cli.bench_camera", "/bench/image", "64", "48", "50"]
    return subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.ros
def test_the_camera_obeys_what_it_was_told_before_it_had_started() -> None:
    with started_camera() as camera:
        assert camera.stdin is not None
        assert camera.stdout is not None
        camera.stdin.write("stream\ncount 2\n")
        camera.stdin.flush()
        answered = select.select([camera.stdout], [], [], patient(60))[0]
        camera.stdin.close()
    assert answered


@pytest.mark.ros
def test_the_camera_sends_what_it_counts_with_fresh_stamps() -> None:
    began_ns = time.time_ns()
    camera = started_camera()
    assert camera.stdin is not None
    assert camera.stdout is not None
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = Node("watcher", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    received: list[Image] = []
    node.create_subscription(Image, "/bench/image", received.append, ALL)
    try:
        end = time.monotonic() + patient(30)
        while node.count_publishers("/bench/image") == 0 and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        executor.spin_once(timeout_sec=0.5)
        camera.stdin.write("count 20\n")
        camera.stdin.flush()
        while len(received) < 20 and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        assert camera.stdout.readline() == "sent 20\n"
        camera.stdin.close()
        assert camera.wait(timeout=patient(10)) == 0
    finally:
        camera.kill()
        node.destroy_node()
        context.shutdown()
    stamps = [image.header.stamp.sec * 10**9 + image.header.stamp.nanosec for image in received]
    assert (received[0].width, received[0].height, received[0].encoding) == (64, 48, "rgb8")
    assert len(stamps) == 20
    assert stamps == sorted(set(stamps))
    assert began_ns < stamps[0] < stamps[-1] < time.time_ns()
