"""Steps run with their output in the log, one at a time per checkout."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.lock import setup_lock
from uio2_ros.cli.bootstrap.progress import StepDisplay


def test_a_step_shows_its_seconds_and_hides_its_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    progress = StepDisplay(tmp_path / "logs" / "setup.log")
    progress.run("Counting", [sys.executable, "-c", "print('one two')"], os.environ)
    shown = capfd.readouterr()
    assert "uio2: Counting: 0 s" in shown.err
    assert "one two" not in shown.err + shown.out
    assert "one two" in progress.log_file.read_text()


def test_a_failing_step_raises_with_its_own_output_only(tmp_path: Path) -> None:
    progress = StepDisplay(tmp_path / "setup.log")
    progress.run("First", [sys.executable, "-c", "print('first output')"], os.environ)
    code = "import sys; print('No space left on device'); sys.exit(3)"
    with pytest.raises(SetupError) as caught:
        progress.run("Second", [sys.executable, "-c", code], os.environ)
    assert "Second failed with code 3" in str(caught.value)
    assert "the disk is full" in str(caught.value)
    assert "first output" not in str(caught.value)


def test_two_set_ups_of_one_checkout_take_turns(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, order = tmp_path / "setup.lock", []
    inside = threading.Event()

    def first() -> None:
        with setup_lock(file, StepDisplay(tmp_path / "log")):
            inside.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(5)
    with setup_lock(file, StepDisplay(tmp_path / "log")):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert "waiting" in capfd.readouterr().err
