"""One line on a terminal that tells how far an answer is, gone when it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from uio2_ros.robot.answer import Progress

PATIENCE_S = 1.0
"""Answers that are quicker have no line."""


@contextmanager
def progress_line(stream: TextIO) -> Iterator[Callable[[Progress], None]]:
    """What shows progress on `stream`, from any one thread; nothing where that is no terminal."""
    with tqdm(
        file=stream,
        bar_format="{desc}",
        delay=PATIENCE_S,
        leave=False,
        dynamic_ncols=True,
        disable=None,
    ) as line:

        def show(progress: Progress) -> None:
            line.set_description_str(described(progress), refresh=False)
            line.update()

        yield show


def described(progress: Progress) -> str:
    """For people to read: stage, tokens and their pace, and the end of what is there so far."""
    if not progress.tokens or progress.elapsed_s <= 0:
        return f"{progress.stage.value}, {progress.elapsed_s:.0f} s"
    pace = progress.tokens / progress.elapsed_s
    head = f"{progress.stage.value}, {progress.elapsed_s:.0f} s, {pace:.0f} tokens per second"
    return f"{head}: {' '.join(progress.text.split())[-60:]}" if progress.text else head
