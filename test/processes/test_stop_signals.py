"""Signals end a process, however many come and whatever they interrupt."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from uio2_ros.processes.stop_signals import SignalEvent

SCRIPTS = sorted((Path(__file__).parents[2] / "scripts").glob("*_node"))
PROGRAM = """
import signal, sys
from uio2_ros.processes.stop_signals import stop_signals

asked_to_stop = stop_signals()
left = 200

def interrupt(*_):
    # at every call and return, those within the event and the handler too
    global left
    if left:
        left -= 1
        signal.raise_signal(signal.SIGTERM)

sys.setprofile(interrupt)
while not asked_to_stop.wait(0.01):
    pass
sys.setprofile(None)
print("ended")
"""


def test_signals_that_interrupt_the_handling_of_others_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("ended\n", 0), done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_that_somebody_waits_for(number: signal.Signals) -> None:
    program = (
        "from uio2_ros.processes.stop_signals import stop_signals\n"
        "asked_to_stop = stop_signals()\n"
        "print('ready', flush=True)\n"
        "raise SystemExit(0 if asked_to_stop.wait(60) else 1)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(60) == 0


def test_waiting_ends_with_its_time() -> None:
    event, began_s = SignalEvent(), time.monotonic()
    assert not event.wait(0.05)
    assert time.monotonic() - began_s >= 0.05
    assert not event.is_set()
    event.set()
    assert event.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_still_imports_ends_at_a_signal_without_a_word(
    number: signal.Signals,
) -> None:
    program = (
        "from uio2_ros.processes.stop_signals import end_at_signals\n"
        "end_at_signals()\n"
        "print('importing', flush=True)\n"
        "while True: pass"
    )
    words = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_nodes_end_at_signals_before_they_import_what_takes_seconds(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith("from uio2_ros")]
    assert imports[0] == "from uio2_ros.processes.stop_signals import end_at_signals"
    assert lines.index("end_at_signals()") < lines.index(imports[1])


def test_a_signal_while_python_ends_kills_nothing() -> None:
    code = (
        "import os, signal\n"
        "from uio2_ros.processes.stop_signals import stop_signals\n"
        "class Last:\n"
        "    def __del__(self, kill=os.kill, own=os.getpid()):\n"
        "        for number in (signal.SIGINT, signal.SIGTERM): kill(own, number)\n"
        "last = Last()  # is deleted after Python has given the signals back\n"
        "stop_signals()\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
