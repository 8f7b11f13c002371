"""The simulator, where there is one: how its episode stands, and a new one. rclpy."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from uio2_ros.bringup import SIM_TASKS
from uio2_ros.client.service_call import LONGEST_CALL_S, ask_service
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.srv import GetSimulationState, ResetSimulation

LOOK_PERIOD_S = 0.4
UNWATCHED_S = 5.0
LONGEST_RESET_S = 30.0
"""Making a scene takes a while on a busy machine."""


class SimulationError(InstructionError):
    """The simulator did not begin an episode; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID_REQUEST, message)


class Simulation:
    """Asks the simulator how things are while somebody looks. Any thread."""

    tasks = SIM_TASKS

    def __init__(self, node: Node, namespace: str) -> None:
        prefix = f"{namespace.rstrip('/')}/simulator"
        self._state_client = node.create_client(GetSimulationState, f"{prefix}/get_state")
        self._reset_client = node.create_client(ResetSimulation, f"{prefix}/reset")
        self.state: Any = None
        """The newest SimulationState; None before any and without a simulator."""
        self._watched_s = -UNWATCHED_S
        self._called_s = -LONGEST_CALL_S
        node.create_timer(LOOK_PERIOD_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def watch(self) -> None:
        """Somebody looks."""
        self._watched_s = time.monotonic()

    @property
    def is_there(self) -> bool:
        """Whether the robot is simulated."""
        return bool(self._state_client.service_is_ready())

    def newest(self) -> Any:
        """How things are now, asked for and waited for; None without a simulator."""
        if not self.is_there:
            return None
        late = SimulationError("the simulator is silent")
        try:
            request = GetSimulationState.Request()
            self.state = ask_service(self._state_client, request, late).result().state
        except SimulationError:
            return None
        return self.state

    def reset(self, task: str, seed: int) -> Future[Any]:
        """Begins an episode; its SimulationState, or SimulationError."""
        begun: Future[Any] = Future()
        if not self._reset_client.service_is_ready():
            begun.set_exception(SimulationError("there is no simulator"))
            return begun

        def on_response(done: Future[Any]) -> None:
            try:
                response = done.result()
                if not response.success:
                    raise SimulationError(response.message or "it did not begin")
            except Exception as error:  # of rclpy as well, for whoever waits
                begun.set_exception(error)
                return
            self.state = response.state
            begun.set_result(response.state)

        request = ResetSimulation.Request(task=task, seed=seed)
        late = SimulationError(f"no episode has begun in {LONGEST_RESET_S:g} s; is it stopped?")
        called = ask_service(self._reset_client, request, late, LONGEST_RESET_S)
        called.add_done_callback(on_response)
        return begun

    def _look(self) -> None:
        now_s = time.monotonic()
        if not self.is_there:
            self.state = None
        elif now_s - self._watched_s < UNWATCHED_S and now_s - self._called_s > LONGEST_CALL_S:
            self._called_s = now_s
            call = self._state_client.call_async(GetSimulationState.Request())
            call.add_done_callback(self._on_state)

    def _on_state(self, answer: Any) -> None:
        self._called_s = -LONGEST_CALL_S
        self.state = answer.result().state
