"""Somebody who watches a simulator, sends it commands and calls its services, over real DDS."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from patience import patient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from uio2_ros.msg import SimulationState
from uio2_ros.srv import GetSimulationState, ResetSimulation, StepSimulation

PATIENCE_S = 60.0
MATCHED_S = 0.2
"""A publisher knows of a subscription a little earlier than the subscription of it."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SERVICES = {"reset": ResetSimulation, "step": StepSimulation, "get_state": GetSimulationState}


def nanoseconds(stamp: Time) -> int:
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)


def _is_after(message: Any, stamp_ns: int) -> bool:
    """Whether it has a later stamp, or none in the simulator's time."""
    has_none = isinstance(message, DiagnosticArray) or not hasattr(message, "header")
    return has_none or nanoseconds(message.header.stamp) > stamp_ns


class Spectator:
    """A node that is spun by a thread of its own; `with` ends it."""

    def __enter__(self) -> Spectator:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node("spectator", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._arrived = threading.Condition()
        self._messages: dict[str, list[Any]] = defaultdict(list)
        self._after_ns = -1
        self._clients = {
            name: self.node.create_client(kind, f"/simulator/{name}")
            for name, kind in SERVICES.items()
        }
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        while not self._over.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def listen(self, topic: str, kind: type, *, latched: bool = False, depth: int = 400) -> None:
        """Keep what comes on a topic from now on."""

        def keep(message: Any) -> None:
            with self._arrived:
                if _is_after(message, self._after_ns):
                    self._messages[topic].append(message)
                    self._arrived.notify_all()

        qos = LATCHED if latched else QoSProfile(depth=depth)
        self.node.create_subscription(kind, topic, keep, qos)

    def heard(self, topic: str) -> list[Any]:
        with self._arrived:
            return list(self._messages[topic])

    def forget(self, until: Time | None = None) -> None:
        """Count from now on, and without what has an earlier stamp but is still under way."""
        with self._arrived:
            self._messages.clear()
            self._after_ns = -1 if until is None else nanoseconds(until)

    def wait(self, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """What came on a topic, as soon as it is enough."""
        with self._arrived:
            done = self._arrived.wait_for(
                lambda: enough(self._messages[topic]), patient(PATIENCE_S)
            )
            messages = list(self._messages[topic])
        last = [getattr(message, "header", message) for message in messages[-1:]]
        assert done, f"{len(messages)} messages on {topic}, the last: {last}"
        return messages

    def publisher(self, topic: str, kind: type) -> Callable[[Any], None]:
        """Sends messages of a topic; made as soon as the simulator listens."""
        publisher = self.node.create_publisher(kind, topic, 10)
        waiting = threading.Event()
        for _ in range(round(patient(PATIENCE_S) / 0.02)):
            if publisher.get_subscription_count():
                break
            waiting.wait(0.02)
        waiting.wait(MATCHED_S)
        return publisher.publish

    def call(self, name: str, **fields: Any) -> Any:
        """The response of one of the simulator's services."""
        answer = self._ask(name, patient(PATIENCE_S), **fields)
        assert answer is not None, f"{name} does not answer"
        return answer

    def _ask(self, name: str, patience_s: float, **fields: Any) -> Any:
        client = self._clients[name]
        assert client.wait_for_service(patient(PATIENCE_S)), f"no service {name}"
        answered = threading.Event()
        future = client.call_async(SERVICES[name].Request(**fields))
        future.add_done_callback(lambda _: answered.set())
        return future.result() if answered.wait(patience_s) else None

    def state(self) -> SimulationState:
        """Asked again and again: one that was killed still counts as there for a while."""
        for _ in range(round(PATIENCE_S)):
            answer = self._ask("get_state", 1.0)
            if answer is not None:
                return answer.state
        raise AssertionError("get_state does not answer")

    def wait_state(self, reached: Callable[[SimulationState], bool]) -> SimulationState:
        """The state, as soon as it is what it should be."""
        waiting = threading.Event()
        for _ in range(round(PATIENCE_S / 0.1)):
            state = self.state()
            if reached(state):
                return state
            waiting.wait(0.1)
        raise AssertionError(f"not reached: {state}")
