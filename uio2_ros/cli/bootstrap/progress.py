"""Runs the steps of the set-up: a line each with the seconds it took, the rest in a log."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError, failure_report

HEARTBEAT_S = 30.0  # so that a watched build without a terminal is not taken for dead


class StepDisplay:
    """Shows steps on stderr, so that stdout stays free for what a command prints."""

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self._interactive = sys.stderr.isatty()

    def note(self, text: str) -> None:
        print(f"uio2: {text}", file=sys.stderr, flush=True)

    def run(
        self,
        title: str,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        cwd: Path | None = None,
    ) -> None:
        """Run a command with its output in the log; a failure raises SetupError with the cause."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        start, begin = time.monotonic(), self._log_size()
        with self.log_file.open("a", encoding="utf-8") as log:
            print(f"$ {' '.join(map(str, command))}", file=log, flush=True)
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
            )
            code = self._watch(process, title, start)
        if code != 0:
            self._show(f"{title}: failed after {time.monotonic() - start:.0f} s", last=True)
            raise SetupError(failure_report(title, code, self._log_from(begin), self.log_file))
        self._show(f"{title}: {time.monotonic() - start:.0f} s", last=True)

    def _watch(self, process: subprocess.Popen[bytes], title: str, start: float) -> int:
        interval_s = 1.0 if self._interactive else HEARTBEAT_S
        self._show(f"{title} ...")
        try:
            while not _ended(process, interval_s):
                self._show(f"{title} ... {time.monotonic() - start:.0f} s")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        return process.returncode

    def _show(self, text: str, last: bool = False) -> None:
        if self._interactive:
            print(f"\r\033[Kuio2: {text}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            self.note(text)

    def _log_size(self) -> int:
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def _log_from(self, begin: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", errors="replace")


def _ended(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True
