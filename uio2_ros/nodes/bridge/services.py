"""What the bridge offers as long as it is who they name: `~/execute`, and services that stop it."""

from __future__ import annotations

from typing import Any, Protocol

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from uio2_ros.control import Cause
from uio2_ros.nodes.bridge.execute_server import ExecuteServer, PlanExecutor
from uio2_ros.nodes.bridge.parameters import ClientSettings


class Bridge(PlanExecutor, Protocol):
    """Who does what is asked for here."""

    def enable(self, enabled: bool) -> None:
        """Carries plans out, or stops and carries none out."""

    def press_estop(self) -> None:
        """Stops until it is released."""

    def release_estop(self) -> str:
        """Plans may move again; else why not."""


class BridgeServices:
    """Four services and an action server. The spinning thread."""

    def __init__(self, node: Node, bridge: Bridge, clients: ClientSettings) -> None:
        self._node = node
        self._bridge = bridge
        self._unanswered = 0
        waiting = ReentrantCallbackGroup()
        self._services = (
            node.create_service(Trigger, "~/stop", self._on_stop, callback_group=waiting),
            node.create_service(SetBool, "~/enable", self._on_enable, callback_group=waiting),
            node.create_service(Trigger, "~/estop", self._on_estop, callback_group=waiting),
            node.create_service(Trigger, "~/release", self._on_release, callback_group=waiting),
        )
        self.goals = ExecuteServer(node, bridge, clients)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return self.goals.is_idle and not self._unanswered

    def withdraw(self) -> None:
        """Offers nothing any longer; only when idle."""
        for service in self._services:
            self._node.destroy_service(service)
        self.goals.destroy()

    async def _on_stop(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        stopped = self._bridge.stop(Cause.STOPPED, "~/stop was called")
        return await self._halted(response, "stopped" if stopped else "nothing was moving")

    async def _on_enable(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        self._bridge.enable(request.data)
        if request.data:
            return _told(response, "", "enabled")
        return await self._halted(response, "disabled: nothing is carried out")

    async def _on_estop(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        self._bridge.press_estop()
        return await self._halted(response, "stopped until ~/release is called")

    async def _on_release(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        problem = self._bridge.release_estop()
        return _told(response, problem, "released: plans move the robot again")

    async def _halted(self, response: Any, done: str) -> Any:
        """The response once all has ended, or what goes on had its time to."""
        self._unanswered += 1
        try:
            return _told(response, await self._bridge.halted(), done)
        finally:
            self._unanswered -= 1


def _told(response: Any, problem: str, done: str) -> Any:
    response.success, response.message = not problem, problem or done
    return response
