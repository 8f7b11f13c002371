"""Starts agent_node as ./uio2 up does, and watches its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from patience import patient

from uio2_ros import bringup
from uio2_ros.cli.dds_domain import unused_domain

TESTS = Path(__file__).parents[1]
START_S = 120.0
"""The synthetic model has loaded by then."""
AGENT = ("-m", "uio2_ros.nodes.agent.node")
SCRIPTED_AGENT = ("-m", "nodes.scripted_model")
"""The same, whose model also does what the instructions of that module say."""
REPORT_PERIOD_S = 0.1
"""The robot looks at the agent's reports to see whether its messages came."""


def private_domain(patch: pytest.MonkeyPatch) -> None:
    """Puts this process and its children into a DDS domain of their own."""
    patch.setenv("ROS_DOMAIN_ID", str(unused_domain()))
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    for variable, value in bringup.dds_profile(os.environ.get("ROS_DISTRO", "")).items():
        patch.setenv(variable, value)
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.delenv("UIO2_LAUNCHER_PID", raising=False)
    paths = [str(TESTS.parent), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    patch.setenv("PYTHONPATH", os.pathsep.join(paths))


class AgentProcess:
    """agent_node with these parameters; `with` ends it."""

    def __init__(self, folder: Path, program: Sequence[str] = AGENT, **parameters: object) -> None:
        """`program` are the words after the interpreter."""
        self.log = folder / "agent.log"
        self._command = [sys.executable, *program, "--ros-args"]
        for name, value in {"diagnostics_period": REPORT_PERIOD_S, **parameters}.items():
            self._command += ["-p", f"{name.replace('__', '.')}:={value}"]

    def __enter__(self) -> AgentProcess:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(patient(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_logged(self, text: str, count: int = 1) -> None:
        """Waits until the log has `text` `count` times."""
        patience_s = patient(START_S)
        end_s = time.monotonic() + patience_s
        while time.monotonic() < end_s:
            content = self.log.read_text()
            if content.count(text) >= count:
                return
            assert self.process.poll() is None, f"the agent ended:\n{content}"
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not logged within {patience_s} s:\n{content}")

    def stop(self, number: int = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(patient(20))
