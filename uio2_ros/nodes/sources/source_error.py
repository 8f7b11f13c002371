"""The error of a camera or microphone that gives nothing."""

from __future__ import annotations


class SourceError(Exception):
    """What is wrong with a source, and what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy
