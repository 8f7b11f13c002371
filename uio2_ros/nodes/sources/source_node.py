"""What the camera and the microphone node share: one thread that opens a source and publishes.

A source that fails is a diagnostic with a remedy and is opened again every `retry_period`
seconds; so is it after a change of parameters. Anything else that goes wrong in the thread is a
fault of the program: it ends the process with a traceback.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter

from uio2_ros.nodes.diagnostics import DiagnosticsTopic, status_message
from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.running import run_node
from uio2_ros.nodes.sources.source_error import SourceError
from uio2_ros.settings import Effect, setting

RETRY_PERIOD_S = 2.0
DIAGNOSTICS_PERIOD_S = 1.0
LONGEST_JOIN_S = 1.0
"""A thread inside a driver call may not come back; the process ends without it."""


@dataclass(frozen=True)
class SourceSettings:
    """What every source has."""

    retry_period_s: float = setting(
        RETRY_PERIOD_S,
        "seconds between attempts to open the source",
        low=0.1,
        high=3600.0,
        name="retry_period",
    )


Settings = TypeVar("Settings", bound=SourceSettings)


class SourceNode(Node, Generic[Settings]):
    """A node with a source. Subclasses implement `stream` and `readings`.

    `stream` runs in the node's thread, everything else in the thread that spins.
    """

    def __init__(self, name: str, settings: type[Settings]) -> None:
        super().__init__(name)
        self._kind = settings
        declare_parameters(self, settings, Effect.NOW, dynamic=True)
        self.failure: BaseException | None = None
        self.reopen = threading.Event()
        self.stopping = threading.Event()
        self._problem: SourceError | None = None
        self._thread = threading.Thread(target=self._work, name=f"{name} source", daemon=True)
        self._diagnostics = DiagnosticsTopic(self)
        real_time = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands
        self.create_timer(
            DIAGNOSTICS_PERIOD_S, lambda: self._diagnostics.tell(self._status()), clock=real_time
        )
        self.add_post_set_parameters_callback(self._on_parameters)

    def stream(self) -> None:
        """Open the source, call `running`, publish until `over`. SourceError if that fails."""
        raise NotImplementedError

    def readings(self) -> dict[str, str]:
        """What the diagnostics show while the source runs; a "warning" among them is one."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread; call once, when the subclass is complete."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self.stopping.set()
        self.reopen.set()
        self._thread.join(LONGEST_JOIN_S)

    @property
    def over(self) -> bool:
        """Whether `stream` should return: the node stops or its parameters changed."""
        return self.reopen.is_set()

    def running(self, description: str) -> None:
        """The source gives what it should."""
        self._problem = None
        self.get_logger().info(description)

    def settings(self) -> Settings:
        """The parameters, typed; SourceError for a value of the parameter file that cannot be."""
        try:
            return read_parameters(self, self._kind)
        except ValueError as error:
            remedy = "set it in the parameter file or with ros2 param set"
            raise SourceError(str(error), remedy) from error

    def _work(self) -> None:
        try:
            while not self.stopping.is_set():
                self._attempt()
        except BaseException as failure:  # handed to the main thread, which raises it
            self.failure = failure

    def _attempt(self) -> None:
        retry_s = RETRY_PERIOD_S
        try:
            retry_s = self.settings().retry_period_s
            self.stream()
            self.reopen.wait()
        except SourceError as problem:
            self._report(problem)
            self.reopen.wait(retry_s)
        if not self.stopping.is_set():
            self.reopen.clear()

    def _report(self, problem: SourceError) -> None:
        if self._problem is None or str(self._problem) != str(problem):
            self.get_logger().error(f"{problem}; trying again until it works")
        self._problem = problem

    def _on_parameters(self, parameters: list[Parameter[Any]]) -> None:
        del parameters
        self.reopen.set()

    def _status(self) -> DiagnosticStatus:
        name = f"{self._diagnostics.name}: source"
        problem = self._problem
        if problem is not None:
            remedy = {"remedy": problem.remedy}
            return status_message(name, problem.problem, remedy, severe=True)
        readings = self.readings()
        return status_message(name, readings.pop("warning", ""), readings)


def run(make_node: Callable[[], SourceNode[Any]], name: str, args: list[str] | None) -> int:
    """Spin a node until SIGINT or SIGTERM and return the exit code."""
    return run_node(
        make_node,
        lambda node, _: node.stop(),
        args,
        name=name,
        start=SourceNode.start,
        failure=lambda node: node.failure,
    )
