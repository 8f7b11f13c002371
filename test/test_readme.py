"""The README says what is there, and its example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from uio2_ros.cli.commands import COMMANDS
from uio2_ros.tasks import describe_tasks

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", describe_tasks(), ids=lambda task: task.name or "free form")
def test_every_task_is_named(task):
    assert f"`{task.name}`" in README or not task.name


def test_every_command_it_types_exists():
    typed = set(re.findall(r"\./uio2 ([a-z]+)", README))
    assert typed <= set(COMMANDS)
    assert {"up", "ask", "test", "bench", "doctor"} <= typed


def test_every_link_and_picture_is_there():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_library_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Detection" in done.stdout or "()" in done.stdout
    assert "Step(" in done.stdout
