"""Runs a fuzzer in a process of its own, and ends it where it reads one input for ever."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

LOOK_S = 0.2
STUCK_S = 300.0
"""Of real time: code that waits for ever uses no processor time, and no signal reaches it."""


def watched(command: Sequence[str], last: Path, stuck_s: float = STUCK_S) -> int:
    """The command's exit code; minus 9 if `last`, its newest input, stayed for so many seconds."""
    begun_s = time.time()
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            if time.time() - max(begun_s, _written_s(last)) > stuck_s:
                process.kill()
                print(f"{last.stem}: read one input for {stuck_s:g} s", flush=True)
                return process.wait()
            time.sleep(LOOK_S)
        return process.returncode


def _written_s(file: Path) -> float:
    """When it was written; as if now where there is none."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return time.time()
