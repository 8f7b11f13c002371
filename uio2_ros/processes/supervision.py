"""Runs a few processes together: prefixed output, prompt and complete shutdown. Standard library.

Each process leads a process group of its own, so that Ctrl-C in the terminal reaches only the
supervisor and a group can be ended with everything its leader started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from uio2_ros.processes.stop_signals import SignalEvent, stop_signals

GROUP_SIGTERM_AFTER_S = 8.0
"""On a busy machine the last words to controllers and clients take seconds."""
SIGKILL_AFTER_S = 10.0
AT_ONCE_S = 0.5
"""Signals that come together are one: a terminal that closes sends several."""
POLL_PERIOD_S = 0.02
KEPT_LINES = 15
COLORS = (36, 33, 32, 35, 34)  # ANSI: cyan, yellow, green, magenta, blue


@dataclass(frozen=True)
class ProcessCommand:
    """A process to run; the end of one that is `needed` ends all."""

    name: str
    words: tuple[str, ...]
    needed: bool = True


@dataclass(frozen=True)
class Ending:
    """How a process ended on its own."""

    name: str
    returncode: int
    last_lines: tuple[str, ...]

    def __str__(self) -> str:
        if self.returncode < 0:
            how = f"was ended by {signal.Signals(-self.returncode).name}"
        else:
            how = f"ended unexpectedly with exit code {self.returncode}"
        said = "".join(f"\n    {line}" for line in self.last_lines)
        return f"{self.name} {how}" + (f"; its last lines were:{said}" if said else "")


class Terminal:
    """Whole lines from many threads, each with the name of who says it."""

    def __init__(self, stream: TextIO, names: Sequence[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._width = max(map(len, names), default=0)
        self.colored = stream.isatty() and not os.environ.get("NO_COLOR")
        self._colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}

    def say(self, name: str, line: str) -> None:
        """One line of a process."""
        label = f"{name:>{self._width}} |"
        if self.colored:
            label = f"\033[{self._colors.get(name, 0)}m{label}\033[0m"
        self.write(f"{label} {line}")

    def write(self, text: str) -> None:
        """Some lines of the supervisor's own. A reader that went away ends no shutdown."""
        with self._lock:
            try:
                print(text, file=self._stream, flush=True)
            except (BrokenPipeError, ValueError):
                self._stream = open(os.devnull, "w")  # noqa: SIM115


class ChildProcess:
    """One running process and the thread that reads its output."""

    def __init__(
        self, command: ProcessCommand, environment: Mapping[str, str], terminal: Terminal
    ) -> None:
        self.command = command
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.process = subprocess.Popen(
            command.words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(terminal,), daemon=True)
        self._reader.start()

    def _read(self, terminal: Terminal) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.last_lines.append(line.rstrip())
            terminal.say(self.command.name, line.rstrip())

    @property
    def is_running(self) -> bool:
        """Whether the leader of the group runs."""
        return self.process.poll() is None

    def ending(self) -> Ending:
        """How it ended, with what it said last."""
        self._reader.join(timeout=0.5)
        return Ending(self.command.name, self.process.wait(), tuple(self.last_lines))

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader alone, which takes its own processes along in order.

        Not SIGINT: a Python that is still importing answers that with a traceback.
        """
        if self.is_running:
            self.process.terminate()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the leader and all it started; no error if they are gone."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


class Supervisor:
    """Starts commands, waits for the first end or for `stop`, ends the rest. One thread."""

    def __init__(self, environment: Mapping[str, str], terminal: Terminal) -> None:
        self._environment = environment
        self._terminal = terminal
        self._children: list[ChildProcess] = []

    def start(self, command: ProcessCommand) -> ChildProcess:
        """Start one more process."""
        child = ChildProcess(command, self._environment, self._terminal)
        self._children.append(child)
        return child

    def wait(self, stop: threading.Event) -> Ending | None:
        """Wait until somebody stops us (None) or a needed process ends by itself."""
        watched = list(self._children)
        while not stop.wait(0.1):
            for child in [child for child in watched if not child.is_running]:
                if child.command.needed:
                    return child.ending()
                watched.remove(child)
                self._bury(child)
        return None

    def _bury(self, child: ChildProcess) -> None:
        """Ends what an ended child left behind and forgets it: some day its number is another's."""
        child.signal_group(signal.SIGKILL)
        self._children.remove(child)

    def stop(self, asked: SignalEvent | None = None) -> None:
        """End every process and all that they started: by force after `SIGKILL_AFTER_S`, or as soon
        as `asked` is set again."""
        began_s = time.monotonic()
        for child in self._children:
            child.ask_to_stop()
        self._wait_for_all(asked, began_s, GROUP_SIGTERM_AFTER_S)
        for child in self._children:
            if child.is_running:
                child.signal_group(signal.SIGTERM)
        self._wait_for_all(asked, began_s, SIGKILL_AFTER_S)
        for child in self._children:  # also what a leader that is gone has left behind
            child.signal_group(signal.SIGKILL)
        for child in self._children:
            child.process.wait()

    def _wait_for_all(self, asked: SignalEvent | None, began_s: float, seconds: float) -> None:
        while any(child.is_running for child in self._children):
            hurried = asked is not None and asked.set_at_s > began_s + AT_ONCE_S
            if hurried or time.monotonic() > began_s + seconds:
                return
            time.sleep(POLL_PERIOD_S)


def stop_on_signals() -> SignalEvent:
    """An event that Ctrl-C, SIGTERM and the end of the terminal set. Main thread only."""
    return stop_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


def own_terminal(names: Sequence[str]) -> Terminal:
    """The standard output."""
    return Terminal(sys.stdout, names)
