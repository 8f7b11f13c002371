"""What keeps the robot still, and lets it move again: the bridge's calls and readings. rclpy.

Methods do not wait; any thread. Futures raise PlanError NO_CONTROLLER without a bridge, TIMEOUT if
it is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from uio2_ros.client.service_call import ask_service
from uio2_ros.robot.plan_errors import Cause, PlanError

DRY_RUN, ESTOP = "dry run", "emergency stop"
"""Readings of the bridge's diagnostics."""


@dataclass(frozen=True)
class SafetyState:
    """Why nothing moves, as the bridge tells: `estop` is empty where it is not pressed."""

    dry_run: bool = False
    estop: str = ""

    @classmethod
    def of(cls, readings: Mapping[str, str]) -> SafetyState:
        """Out of the bridge's diagnostics; without any, nothing is known to keep it still."""
        return cls(readings.get(DRY_RUN) == "true", readings.get(ESTOP, ""))


class BridgeSafety:
    """See the module."""

    def __init__(self, node: Node, bridge: str) -> None:
        """bridge: the full name of its node."""
        self._stop = node.create_client(Trigger, f"{bridge}/stop")
        self._press = node.create_client(Trigger, f"{bridge}/estop")
        self._release = node.create_client(Trigger, f"{bridge}/release")
        self._parameters = node.create_client(SetParameters, f"{bridge}/set_parameters")

    def stop(self) -> Future[str]:
        """Stops what moves; the future has what the bridge says of it."""
        return _asked(self._stop, Trigger.Request(), lambda response: response.message)

    def press(self) -> Future[str]:
        """Stops until it is released."""
        return _asked(self._press, Trigger.Request(), lambda response: response.message)

    def release(self) -> Future[str]:
        """Plans may move the robot again; PlanError ESTOP if the button is still pressed."""
        return _asked(self._release, Trigger.Request(), _released)

    def set_dry_run(self, on: bool) -> Future[str]:
        """Whether plans are shown and nothing moves; PlanError DRY_RUN if that cannot be set."""
        chosen = Parameter("dry_run", value=on).to_parameter_msg()
        request = SetParameters.Request(parameters=[chosen])
        return _asked(self._parameters, request, lambda response: _set(response, on))


def _released(response: Any) -> str:
    if not response.success:
        raise PlanError(Cause.ESTOP, response.message)
    return str(response.message)


def _set(response: Any, on: bool) -> str:
    result = response.results[0]
    if not result.successful:
        raise PlanError(Cause.DRY_RUN, result.reason)
    return "dry run: plans are shown, and nothing moves" if on else "plans move the robot"


def _asked(client: Any, request: Any, read: Callable[[Any], str]) -> Future[str]:
    said: Future[str] = Future()
    name = client.service_name
    if not client.service_is_ready():
        said.set_exception(
            PlanError(Cause.NO_CONTROLLER, f"there is no {name}; is the bridge running?")
        )
        return said

    def on_response(done: Future[Any]) -> None:
        try:
            said.set_result(read(done.result()))
        except Exception as error:  # of rclpy as well, for whoever waits
            said.set_exception(error)

    late = PlanError(Cause.TIMEOUT, f"{name} is silent: whether it was done is not known")
    ask_service(client, request, late).add_done_callback(on_response)
    return said
