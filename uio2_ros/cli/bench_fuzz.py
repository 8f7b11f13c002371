"""`./uio2 bench fuzz`: the readers of this repository, fuzzed (test/fuzz)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "test"


def main(argv: Sequence[str]) -> int:
    """1 if an input made a reader fail; 2: where there are no tests."""
    if not (TESTS / "fuzz").is_dir():
        print("uio2 bench fuzz: needs the repository, which has the readers' inputs")
        return 2
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path, "OPENCV_LOG_LEVEL": "SILENT"}
    return subprocess.call([sys.executable, "-m", "fuzz", *argv], env=env)
