"""`./uio2 up` in a process, its output read as it comes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from patience import patient

REPOSITORY = Path(__file__).parents[2]
NO_PAGE = ("--no-page",)
"""Tests of something else need none, and it takes seconds to start."""
UP = (sys.executable, "-m", "uio2_ros.cli", "up")


class RunningGraph:
    """`up` in a process, its output read as it comes."""

    def __init__(self, environment: dict[str, str], *words: str) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [*UP, *words, *([] if any(word.startswith("page") for word in words) else NO_PAGE)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip() for line in self.process.stdout)

    def wait_for(self, pattern: str, timeout_s: float = 120.0) -> None:
        deadline_s = time.monotonic() + patient(timeout_s)
        while not any(re.search(pattern, line) for line in list(self.lines)):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline_s, f"no {pattern!r} in:\n{self.text}"
            time.sleep(0.05)

    def found(self, pattern: str) -> str:
        """What the group of a pattern stands for in a line that came already."""
        found = re.search(pattern, self.text)
        assert found is not None, f"no {pattern!r} in:\n{self.text}"
        return str(found[1])

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines of all that was started, by their ROS domain."""
        return {
            pid: command
            for pid, command in _commands()
            if pid != self.process.pid and self._is_ours(pid)
        }

    def _is_ours(self, pid: int) -> bool:
        try:
            return self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    _mark = b""

    def end(self, number: int = signal.SIGINT) -> int:
        """The exit code of `up`."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=patient(20))
        self._reader.join(timeout=patient(5))
        return code


def _commands() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if command:
            yield int(folder.name), command
