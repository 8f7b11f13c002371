"""`./uio2 test [PYTEST ARGUMENT ...]`: style, types and tests, the way CI runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROCESSORS = len(os.sched_getaffinity(0))
ROOT = Path(__file__).resolve().parents[2]
RUFF_TARGETS = (".", "uio2")  # the executable has no .py ending, so ruff must be told of it
CHECKS = (
    ("ruff check", ("ruff", "check", "--quiet", *RUFF_TARGETS)),
    ("ruff format", ("ruff", "format", "--check", "--quiet", *RUFF_TARGETS)),
    ("mypy", ("mypy",)),
)
TESTS = {
    "tests without ROS": ("pytest", "-m", "not ros", "-n", str(PROCESSORS), "--dist", "loadfile"),
    "tests of nodes": ("pytest", "-m", "ros"),  # they keep time, so one after another
}
USAGE = """\
usage: ./uio2 test [--ros kilted|jazzy] [PYTEST ARGUMENT ...]

Without arguments: ruff, mypy and all tests: those that need no ROS in a process for each processor,
then, one after another, those of real nodes. With arguments: pytest with these, nothing else, as in
./uio2 test test/nodes -k camera. With --ros on the wheels of that distribution, made on first use.
"""


def main(argv: Sequence[str]) -> int:
    """Run everything even if a check fails, so that one run shows all there is to repair."""
    if "--help" in argv or "-h" in argv:
        print(USAGE, end="")
        return 0
    if argv:
        return _run(("pytest", *argv))
    failed = [name for name, command in (*CHECKS, *TESTS.items()) if not _passes(name, command)]
    if failed:
        print(f"uio2 test: failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _passes(name: str, command: Sequence[str]) -> bool:
    passed = _run(command) == 0
    print(f"{name}: {'passed' if passed else 'FAILED'}", flush=True)
    return passed


def _run(command: Sequence[str]) -> int:
    # Many small processes on few cores: more threads in each of them only get in the way.
    env = {"OMP_NUM_THREADS": "1", **os.environ}
    arguments = [sys.executable, "-m", *command]
    return subprocess.run(arguments, cwd=ROOT, env=env, check=False).returncode
