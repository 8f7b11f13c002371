"""Node processes over real DDS in a domain of their own, and a listener to what they publish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import patient

from uio2_ros import bringup
from uio2_ros.cli.dds_domain import unused_domain

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def ros_environment() -> dict[str, str]:
    """Of node processes: a domain nobody else uses, this machine only, the shipped DDS profile."""
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(unused_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        **bringup.dds_profile(os.environ.get("ROS_DISTRO", "")),
        "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}",
        "OMP_NUM_THREADS": "1",
    }


class NodeProcess:
    """A node in a process of its own."""

    def __init__(
        self, module: str, environment: dict[str, str], parameters: dict[str, object]
    ) -> None:
        words = [sys.executable, "-m", module, "--ros-args"]
        for name, value in parameters.items():
            words += ["-p", f"{name}:={value}"]
        self.process = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit code and everything printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=patient(20))
        return self.process.returncode, output


@pytest.fixture
def start_node(ros_environment: dict[str, str]) -> Iterator[Callable[..., NodeProcess]]:
    """start_node(module, parameter=value, ...); what still runs is killed afterwards."""
    running: list[NodeProcess] = []

    def start(
        module: str, environment: dict[str, str] | None = None, **parameters: object
    ) -> NodeProcess:
        node = NodeProcess(module, {**ros_environment, **(environment or {})}, parameters)
        running.append(node)
        return node

    start.environment = ros_environment  # type: ignore[attr-defined]
    yield start
    for node in running:
        node.process.kill()
        node.process.communicate()


class Listener:
    """Collects the messages of topics, spinning in a thread."""

    def __init__(self, domain: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("listener", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._arrived = threading.Condition()
        self._messages: dict[str, list[Any]] = defaultdict(list)
        self._over = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._over:
            self._executor.spin_once(timeout_sec=0.05)

    def listen(self, topic: str, message_type: type, qos: Any = 10) -> None:
        def keep(message: Any) -> None:
            with self._arrived:
                self._messages[topic].append(message)
                self._arrived.notify_all()

        self.node.create_subscription(message_type, topic, keep, qos)

    def wait(self, topic: str, count: int, timeout_s: float = 20.0) -> list[Any]:
        """The first `count` messages of a topic, or an assertion that says how many came."""
        return self.wait_until(topic, lambda messages: len(messages) >= count, timeout_s)[:count]

    def wait_until(
        self, topic: str, enough: Callable[[list[Any]], bool], timeout_s: float = 20.0
    ) -> list[Any]:
        with self._arrived:
            done = self._arrived.wait_for(lambda: enough(self._messages[topic]), patient(timeout_s))
            messages = list(self._messages[topic])
        assert done, f"{len(messages)} messages on {topic}: {messages[-1:]}"
        return messages

    def forget(self, topic: str) -> None:
        """Count from now on."""
        with self._arrived:
            self._messages[topic].clear()

    def set_parameter(self, node: str, name: str, value: object) -> None:
        """Set a parameter of another node, as `ros2 param set` does."""
        assert self.refusal(node, name, value) == ""

    def refusal(self, node: str, name: str, value: object) -> str:
        """Why another node does not take a parameter; empty: it does."""
        from rclpy.parameter import Parameter
        from rclpy.parameter_client import AsyncParameterClient

        client = AsyncParameterClient(self.node, node)
        assert client.wait_for_services(patient(10.0))
        answered = threading.Event()
        answer = client.set_parameters([Parameter(name, value=value)])
        answer.add_done_callback(lambda _: answered.set())
        assert answered.wait(patient(10.0))
        result = answer.result().results[0]
        assert result.successful or result.reason
        return "" if result.successful else str(result.reason)

    def close(self) -> None:
        self._over = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def listener(
    ros_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listener]:
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", *bringup.DDS_PROFILE_VARIABLES):
        if name in ros_environment:
            monkeypatch.setenv(name, ros_environment[name])
    listener = Listener(int(ros_environment["ROS_DOMAIN_ID"]))
    yield listener
    listener.close()
