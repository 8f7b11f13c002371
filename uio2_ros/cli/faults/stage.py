"""The processes of a scenario or benchmark and who asks them, in a DDS domain of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from uio2_ros.cli.dds_domain import keep_to_one_domain
from uio2_ros.cli.faults.report import FaultReport
from uio2_ros.client import (
    AgentAnswer,
    AgentClient,
    AgentError,
    ExecutionError,
    PendingAnswer,
)
from uio2_ros.client.service_call import call_service
from uio2_ros.control import Cause

START_S = 120.0
"""By then a process has started and a fault is over."""
POLL_S = 0.05
ENDING_S = 5.0
PICTURES = "agent: pictures"
"""The end of the name of a status."""
CHILD_MODULE = "uio2_ros.serving.child"
LOCALIZE: dict[str, Any] = {
    "instruction": "the cup",
    "task": "localize",
}  # long enough to be interrupted
GROUND: dict[str, Any] = {"instruction": "the cup", "task": "refexp"}  # as short as answers are


@dataclass(frozen=True)
class Told:
    """What who asked was told, and after how many seconds."""

    code: str
    message: str
    after_s: float

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Program:
    """A started process and its log."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    @property
    def model_pid(self) -> int:
        """The inference process of an agent; waits for it."""

        def models() -> list[int]:
            children = psutil.Process(self.pid).children()
            return [child.pid for child in children if CHILD_MODULE in child.cmdline()]

        wait_until(lambda: bool(models()), "the inference process")
        return models()[0]

    @property
    def resident_bytes(self) -> int:
        """Of the process, without its children."""
        return resident_bytes(self.pid)

    def say(self, line: str) -> None:
        """A line of its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def said(self) -> list[str]:
        """The lines of its output."""
        return self.log.read_text(errors="replace").splitlines()

    def expect_alive(self) -> None:
        """RuntimeError with the end of its log if it has ended."""
        if self.process.poll() is not None:
            last = "\n".join(self.said()[-40:])
            raise RuntimeError(f"{self.log.stem} ended with {self.process.returncode}\n{last}")

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Asks it to end, and does not wait for ever."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self.kill()


class FaultStage:
    """Starts programs; `with` ends them, and removes `folder`, which is empty at the beginning."""

    folder: Path

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.diagnostics: dict[str, tuple[str, dict[str, str]]] = {}
        """The last message and values of every status, by its name."""

    def __enter__(self) -> FaultStage:
        keep_to_one_domain()
        folder = tempfile.TemporaryDirectory(prefix="uio2-bench-")
        self.folder = Path(self._stack.enter_context(folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def client(self) -> AgentClient:
        """Who asks; made when it is needed, since a scenario may prepare the machine before."""
        client = self._stack.enter_context(AgentClient())
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        return client

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {value.key: value.value for value in status.values}
            self.diagnostics[status.name] = (status.message, values)

    def readings(self, ending: str) -> dict[str, str]:
        """The last values of the status whose name ends so; waits for the first."""

        def found() -> list[dict[str, str]]:
            reports = list(self.diagnostics.items())
            return [values for name, (_, values) in reports if name.endswith(ending)]

        wait_until(lambda: bool(found()), f"diagnostics of {ending}", self._last_lines)
        return found()[0]

    @property
    def received(self) -> int:
        """Pictures that have reached the agent."""
        return int(self.readings(PICTURES)["received"])

    def at_end(self, undo: Callable[[], Any]) -> None:
        """Does that when the programs started from now on have ended."""
        self._stack.callback(undo)

    # Programs.

    def start(self, module: str, *arguments: str, env: dict[str, str] | None = None) -> Program:
        """A module of Python; its output is a file of the folder."""
        log = self.folder / f"{module.rpartition('.')[2]}-{time.monotonic_ns()}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **(env or {})},
            )
        program = Program(process, log)
        self._stack.callback(program.end)
        return program

    def node(self, module: str, env: dict[str, str] | None = None, **parameters: Any) -> Program:
        """A node with these parameters; __ stands for a dot."""
        arguments = ["--ros-args"]
        for name, value in parameters.items():
            arguments += ["-p", f"{name.replace('__', '.')}:={value}"]
        return self.start(module, *arguments, env=env)

    def agent(self, env: dict[str, str] | None = None, **parameters: Any) -> Program:
        """An agent with the synthetic model, if `model` does not name another."""
        given = {"diagnostics_period": 0.1, "grace": 2.0, **parameters}
        return self.node("uio2_ros.nodes.agent.node", env, **given)

    def camera(self, *commands: str, size: tuple[int, int] = (640, 480)) -> Program:
        """Width x height at 30 Hz, after these commands."""
        words = ("/image", *map(str, size), "30")
        camera = self.start("uio2_ros.cli.bench_camera", *words)
        for command in (*commands, "stream"):
            camera.say(command)
        return camera

    def answering_agent(self, env: dict[str, str] | None = None) -> Program:
        """An agent with a camera that has answered once."""
        agent = self.agent(env)
        self.camera()
        self.until_answered()
        return agent

    # Asking.

    def ask(self, **settings: Any) -> Told:
        """One instruction, to its end."""
        began_s = time.monotonic()
        try:
            self.client.ask(**{**GROUND, "timeout_s": 20.0, **settings})
        except AgentError as error:
            return Told(error.code.name, error.message, time.monotonic() - began_s)
        return Told("NONE", "", time.monotonic() - began_s)

    def under_way(self, timeout_s: float = 0.0) -> PendingAnswer[AgentAnswer]:
        """An instruction of which the model has written a part."""
        pending = self.client.ask_async(**LOCALIZE, timeout_s=timeout_s)
        wait_until(lambda: pending.progress is not None and pending.progress.tokens > 0, "a token")
        return pending

    def until_answered(self, since_s: float | None = None, **settings: Any) -> float:
        """Asks until there is an answer; seconds since then."""
        since_s = time.monotonic() if since_s is None else since_s
        wait_until(lambda: self.ask(**settings).code == "NONE", "an answer", self._last_lines)
        return time.monotonic() - since_s

    def until_refused(self, since_s: float, **settings: Any) -> Told:
        """Asks until there is an error; `after_s` counts from `since_s`."""
        told: list[Told] = []

        def is_refused() -> bool:
            told.append(self.ask(**settings))
            return told[-1].code != "NONE"

        wait_until(is_refused, "an error")
        return replace(told[-1], after_s=time.monotonic() - since_s)

    def _last_lines(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in logs)


def fate(pending: Future[Any], since_s: float) -> Told:
    """How something under way ends."""
    error = pending.exception(START_S)
    after_s = time.monotonic() - since_s
    if isinstance(error, AgentError):
        return Told(error.code.name, error.message, after_s)
    if isinstance(error, ExecutionError):
        return Told(Cause(error.code).name, error.message, after_s)
    return Told("NONE" if error is None else type(error).__name__, str(error or ""), after_s)


def report(
    fault: str, told: Told, recovery: str, recovered_s: float, *expected: str
) -> FaultReport:
    """What a fault came to."""
    return FaultReport(
        fault, told.code, told.message, told.after_s, recovery, recovered_s, expected
    )


def resident_bytes(pid: int) -> int:
    """With the shared memory that a process has touched: pictures, and DDS's segments."""
    return int(psutil.Process(pid).memory_info().rss)


def call(node: Node, kind: Any, name: str, request: Any) -> Any:
    """The response of a service, which has time to be found and to answer."""
    return call_service(node, kind, name, request, discovery_s=START_S, longest_s=START_S)


def wait_until(
    condition: Callable[[], bool],
    what: str,
    explain: Callable[[], str] = lambda: "",
    longest_s: float = START_S,
) -> None:
    """Waits for a condition; TimeoutError, with an explanation, after `longest_s` of a machine that
    has a processor for every program."""
    waiting = os.getloadavg()[0] / len(os.sched_getaffinity(0))
    patience_s = longest_s * max(1.0, waiting)
    end_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {patience_s:.0f} s for {what}\n{explain()}")
        time.sleep(POLL_S)
