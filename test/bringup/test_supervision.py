"""Processes that run, end and are ended together: real ones."""

from __future__ import annotations

import io
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import patient

from uio2_ros.processes import supervision
from uio2_ros.processes.stop_signals import SignalEvent
from uio2_ros.processes.supervision import ChildProcess, ProcessCommand, Supervisor, Terminal

NEVER_S = 1e6
POLITE = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", grandchild])
print(child.pid, flush=True)
time.sleep(60)
"""
LEAVES_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
"""


def command(name: str, code: str, needed: bool = True) -> ProcessCommand:
    return ProcessCommand(name, (sys.executable, "-c", textwrap.dedent(code)), needed)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends_soon(pid: int) -> bool:
    """Whether SIGKILL, which nobody waits for, has done its work."""
    deadline_s = time.monotonic() + patient(0.5)
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return not is_alive(pid)


def wait_for_line(child: ChildProcess) -> str:
    deadline_s = time.monotonic() + patient(20)
    while not child.last_lines and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return child.last_lines[0]


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO) -> Iterator[Supervisor]:
    supervisor = Supervisor(dict(os.environ), Terminal(output, ["one", "three"]))
    yield supervisor
    supervisor.stop()


def test_lines_carry_the_aligned_name_of_their_process(
    supervisor: Supervisor, output: io.StringIO
) -> None:
    supervisor.start(command("one", "print('hello')"))
    supervisor.start(command("three", "import sys; print('error', file=sys.stderr)"))
    for child in supervisor._children:
        child.ending()
    assert sorted(output.getvalue().splitlines()) == ["  one | hello", "three | error"]


def test_stop_ends_polite_processes_without_force(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "GROUP_SIGTERM_AFTER_S", NEVER_S)
    children = [supervisor.start(command(str(i), POLITE)) for i in range(3)]
    for child in children:
        assert wait_for_line(child) == "ready"
    supervisor.stop()
    assert not any(is_alive(child.process.pid) for child in children)


def test_stop_ends_stubborn_processes_and_theirs_in_time(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "GROUP_SIGTERM_AFTER_S", 0.2)
    monkeypatch.setattr(supervision, "SIGKILL_AFTER_S", 0.4)
    child = supervisor.start(command("one", STUBBORN))
    grandchild = int(wait_for_line(child))
    began_s = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began_s > 0.4
    assert not is_alive(child.process.pid)
    assert ends_soon(grandchild)


def test_a_second_ctrl_c_ends_stubborn_processes_and_two_together_are_one(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "GROUP_SIGTERM_AFTER_S", NEVER_S)
    child = supervisor.start(command("one", STUBBORN))
    wait_for_line(child)
    asked = SignalEvent()
    asked.set()
    asked.set()
    began_s = time.monotonic()
    threading.Timer(2 * supervision.AT_ONCE_S, asked.set).start()
    supervisor.stop(asked)
    assert time.monotonic() - began_s > supervision.AT_ONCE_S
    assert not is_alive(child.process.pid)


def test_stop_ends_what_an_ended_process_left_behind(supervisor: Supervisor) -> None:
    child = supervisor.start(command("one", LEAVES_A_CHILD))
    orphan = int(wait_for_line(child))
    child.process.wait()
    assert is_alive(orphan)
    supervisor.stop()
    assert ends_soon(orphan)


def test_unexpected_end_is_told_with_exit_code_and_last_lines(supervisor: Supervisor) -> None:
    supervisor.start(command("one", POLITE))
    supervisor.start(command("three", "import sys; print('out of coffee'); sys.exit(3)"))
    ending = supervisor.wait(threading.Event())
    assert ending is not None
    assert (ending.name, ending.returncode, ending.last_lines) == ("three", 3, ("out of coffee",))
    assert str(ending) == (
        "three ended unexpectedly with exit code 3; its last lines were:\n    out of coffee"
    )


def test_end_by_a_signal_names_it(supervisor: Supervisor) -> None:
    child = supervisor.start(command("one", POLITE))
    wait_for_line(child)
    os.kill(child.process.pid, signal.SIGKILL)
    assert "one was ended by SIGKILL" in str(supervisor.wait(threading.Event()))


def test_end_of_a_process_that_is_not_needed_is_no_reason_to_stop(supervisor: Supervisor) -> None:
    supervisor.start(command("one", POLITE))
    supervisor.start(command("window", "pass", needed=False))
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    assert supervisor.wait(stop) is None


def test_number_of_a_process_that_ended_long_ago_is_sent_no_signal(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have given it to somebody else since."""
    ended = supervisor.start(command("one", "pass", needed=False))
    ended.process.wait()
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert supervisor.wait(stop) is None
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: signalled.append(group))
    supervisor.stop()
    assert signalled == []


def test_what_an_ended_process_left_behind_ends_with_it(supervisor: Supervisor) -> None:
    leaver = supervisor.start(command("one", LEAVES_A_CHILD, needed=False))
    left = int(wait_for_line(leaver))
    leaver.process.wait()
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert supervisor.wait(stop) is None
    assert ends_soon(left)


def test_each_process_leads_a_group_that_ctrl_c_does_not_reach(supervisor: Supervisor) -> None:
    child = supervisor.start(command("one", POLITE))
    assert os.getpgid(child.process.pid) == child.process.pid != os.getpgid(0)


def test_reader_that_went_away_does_not_stop_the_output() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    terminal = Terminal(Closed(), ["one"])
    terminal.say("one", "first")
    terminal.say("one", "second")


def test_colors_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    Terminal(screen, ["one"]).say("one", "hello")
    assert screen.getvalue().startswith("\033[36m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Terminal(screen, ["one"]).colored
