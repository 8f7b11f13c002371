"""Runs a target on changed inputs, and keeps those that run code which none ran before."""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.mutation import apply, random_edits
from fuzz.targets import Target

HANG_S = 20
"""Of processor time, so that a busy machine is no hang."""
MEMORY_BYTES = 6 * 2**30
"""Of address space, beyond what is there: what asks for more was fooled by a length."""
PACKAGE = "uio2_ros/"
"""Whose lines count."""


class Hang(BaseException):
    """An input that is read for too long."""


@dataclass
class Outcome:
    """What a run of a target came to."""

    runs: int = 0
    kept: int = 0
    lines: int = 0
    failures: tuple[Path, ...] = ()


def run(target: Target, seconds: float, folder: Path, seed: int) -> Outcome:
    """Fuzzes one target; inputs that fail are in `folder`, each with its traceback beside it."""
    chance, corpus = random.Random(seed), list(target.seeds())
    outcome, seen, found = Outcome(), set[tuple[str, int]](), dict[str, Path]()
    deadline = time.monotonic() + seconds
    target.check(corpus[0])  # imports what it needs, which takes time and memory
    with _limited_memory():
        for data in corpus:
            outcome.runs += 1
            _attempt(target, data, seen, folder, found)
        while time.monotonic() < deadline:
            data = apply(random_edits(chance, target.words), chance.choice(corpus))
            outcome.runs += 1
            if _attempt(target, data, seen, folder, found):
                corpus.append(data)
                outcome.kept += 1
    outcome.lines, outcome.failures = len(seen), tuple(found.values())
    return outcome


def _attempt(
    target: Target, data: bytes, seen: set[tuple[str, int]], folder: Path, found: dict[str, Path]
) -> bool:
    """Whether an input ran lines that none did before."""
    before = len(seen)
    last = folder / f"{target.name}.last"
    last.write_bytes(data)  # what is left if the interpreter itself dies
    try:
        with _time_limit(), _lines(seen):
            target.check(data)
    except (Exception, Hang) as problem:
        where = _place(problem)
        if where not in found:
            name = f"{target.name}-{hashlib.sha1(data).hexdigest()[:10]}"
            found[where] = folder / name
            found[where].write_bytes(data)
            story = "".join(traceback.format_exception(problem))
            (folder / f"{name}.txt").write_text(story, encoding="utf-8")
    last.unlink()
    return len(seen) > before


def _place(problem: BaseException) -> str:
    """The kind of a failure and where it came from; many inputs fail in one place."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if PACKAGE in frame.filename] or list(frames)
    return f"{type(problem).__name__} {own[-1].filename}:{own[-1].lineno}"


@contextmanager
def _time_limit() -> Iterator[None]:
    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise Hang(f"longer than {HANG_S} s")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _lines(seen: set[tuple[str, int]]) -> Iterator[None]:
    """Notes the lines that are run."""

    def each_line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return each_line

    def each_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return each_line if PACKAGE in frame.f_code.co_filename else None

    sys.settrace(each_call)
    try:
        yield
    finally:
        sys.settrace(None)


@contextmanager
def _limited_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
