"""The line that tells how far an answer is."""

from __future__ import annotations

import io
import time

import pytest

from uio2_ros.cli import answer_progress
from uio2_ros.cli.answer_progress import described, progress_line
from uio2_ros.robot.answer import Progress, Stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_a_picture_is() -> None:
    said = described(Progress(Stage.GENERATING, "512 of 1024 tokens", 512, 4.0))
    assert said == "generating, 4 s, 128 tokens per second: 512 of 1024 tokens"


def test_what_waits_has_no_pace() -> None:
    assert described(Progress(Stage.QUEUED, "", 0, 2.2)) == "queued, 2 s"


def test_the_line_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_progress, "PATIENCE_S", 0.0)
    terminal = Terminal()
    with progress_line(terminal) as show:
        time.sleep(0.2)  # a line is not drawn more often
        show(Progress(Stage.GENERATING, "a\ncup", 2, 1.0))
        assert terminal.getvalue().rstrip().endswith("2 tokens per second: a cup")
    assert terminal.getvalue().rsplit("\r", 2)[-2].strip() == ""


def test_quick_answers_and_files_have_no_line() -> None:
    for stream in (Terminal(), io.StringIO()):
        with progress_line(stream) as show:
            show(Progress(Stage.GENERATING, "", 2, 0.1))
        assert stream.getvalue().strip("\r ") == ""
