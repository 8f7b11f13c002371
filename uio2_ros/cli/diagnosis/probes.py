"""What the installed packages say of themselves, each asked in its own process.

Usage: python probes.py PROBE [ARGUMENT ...] with the Python of `.venv`; prints one JSON object.
A library that hangs or crashes when it is imported takes only its probe down.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]


def torch() -> Answer:
    """Version, CUDA version it was built for, and the GPUs it can use (name, total bytes)."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    properties = [torch.cuda.get_device_properties(index) for index in range(count)]
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "gpus": [[device.name, device.total_memory] for device in properties],
    }


def ros() -> Answer:
    """RMW in use and the seconds until a message went from a publisher to a subscription."""
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from std_msgs.msg import Empty

    context = Context()
    rclpy.init(context=context)
    node = Node(f"uio2_doctor_{time.monotonic_ns() % 10**9}", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    received: list[float] = []
    start = time.monotonic()
    topic = f"{node.get_name()}/ping"
    node.create_subscription(Empty, topic, lambda _: received.append(time.monotonic()), 1)
    publisher = node.create_publisher(Empty, topic, 1)
    while not received and time.monotonic() - start < 5.0:
        publisher.publish(Empty())
        executor.spin_once(timeout_sec=0.05)
    rmw = rclpy.get_rmw_implementation_identifier()
    node.destroy_node()
    context.shutdown()
    return {"rmw": rmw, "latency_s": received[0] - start if received else None}


def interfaces() -> Answer:
    """That the generated message types load together with the type support of the RMW."""
    from rclpy.type_support import check_for_type_support
    from vision_msgs.msg import Detection2DArray

    from uio2_ros.action import Instruct as InstructAction
    from uio2_ros.msg import InstructionResult
    from uio2_ros.srv import Instruct

    for interface in (InstructionResult, Instruct, InstructAction, Detection2DArray):
        check_for_type_support(interface)
    return {}


def tokenizer(path: str) -> Answer:
    """Loads a tokenizer; empty is the synthetic one of the package."""
    from pathlib import Path

    import uio2_ros
    from uio2_ros.processing.unified_io_2.tokenizer import Tokenizer

    shipped = Path(uio2_ros.__path__[0]) / "assets" / "synthetic_tokenizer.model"
    return {"vocab_size": Tokenizer(path or shipped).vocab_size}


def sound() -> Answer:
    """The microphones PortAudio offers."""
    import sounddevice

    inputs = [device for device in sounddevice.query_devices() if device["max_input_channels"]]
    return {"inputs": [device["name"] for device in inputs]}


PROBES: dict[str, Callable[..., Answer]] = {
    probe.__name__: probe for probe in (torch, ros, interfaces, tokenizer, sound)
}


def main(argv: list[str]) -> int:
    """Print the answer, or the error as an answer: the caller decides what it means."""
    name, *arguments = argv
    try:
        answer = PROBES[name](*arguments)
    except Exception as failure:  # whatever a library throws is what the doctor reports
        answer = {"error": f"{type(failure).__name__}: {failure}"}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
