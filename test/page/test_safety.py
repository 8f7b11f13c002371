"""What keeps the robot still, as the page reads it from the bridge and tells it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import Trigger

from uio2_ros.page.safety import BridgeSafety, SafetyState
from uio2_ros.robot.plan_errors import Cause, PlanError

pytestmark = pytest.mark.ros


class Service:
    """A client of a service that answers at once, or is not there."""

    def __init__(self, name: str) -> None:
        self.service_name = name
        self.response: Any = None
        self.requests: list[Any] = []

    def service_is_ready(self) -> bool:
        return self.response is not None

    def call_async(self, request: Any) -> Future[Any]:
        self.requests.append(request)
        answered: Future[Any] = Future()
        answered.set_result(self.response)
        return answered


class Node:
    """Makes such clients, and knows them."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}

    def create_client(self, kind: Any, name: str) -> Service:
        del kind
        return self.services.setdefault(name, Service(name))


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def safety(node: Node) -> BridgeSafety:
    return BridgeSafety(node, "/bridge")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("readings", "state"),
    [
        ({"dry run": "true", "emergency stop": ""}, SafetyState(True, "")),
        ({"dry run": "false", "emergency stop": "pressed"}, SafetyState(False, "pressed")),
        ({}, SafetyState()),
    ],
)
def test_state_is_read_from_the_bridges_diagnostics(
    readings: dict[str, str], state: SafetyState
) -> None:
    assert SafetyState.of(readings) == state


@pytest.mark.parametrize("call", ["stop", "press", "release"])
def test_without_a_bridge_nothing_is_pretended(safety: BridgeSafety, call: str) -> None:
    with pytest.raises(PlanError, match="is the bridge running") as refused:
        getattr(safety, call)().result(0)
    assert refused.value.cause is Cause.NO_CONTROLLER


def test_a_button_that_is_still_pressed_is_not_released(node: Node, safety: BridgeSafety) -> None:
    node.services["/bridge/release"].response = Trigger.Response(message="estop still says true")
    with pytest.raises(PlanError, match="still says true") as refused:
        safety.release().result(0)
    assert refused.value.cause is Cause.ESTOP


def test_dry_run_is_a_parameter_of_the_bridge(node: Node, safety: BridgeSafety) -> None:
    service = node.services["/bridge/set_parameters"]
    service.response = SetParameters.Response(results=[SetParametersResult(successful=True)])
    assert "nothing moves" in safety.set_dry_run(True).result(0)
    (chosen,) = service.requests[0].parameters
    assert (chosen.name, chosen.value.bool_value) == ("dry_run", True)
    refusal = SetParametersResult(successful=False, reason="read only")
    service.response = SetParameters.Response(results=[refusal])
    with pytest.raises(PlanError, match="read only"):
        safety.set_dry_run(False).result(0)
