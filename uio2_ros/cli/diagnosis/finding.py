"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How bad it is: OK, a part of the robot is missing, or nothing will run."""

    OK = "ok"
    LIMITED = "limited"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line of the report; everything but OK comes with a remedy."""

    status: Status
    subject: str
    detail: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.status is not Status.OK and not self.remedy:
            raise ValueError(f"the finding about {self.subject} names no remedy")


def ok(subject: str, detail: str) -> Finding:
    return Finding(Status.OK, subject, detail)


def limited(subject: str, detail: str, remedy: str) -> Finding:
    return Finding(Status.LIMITED, subject, detail, remedy)


def broken(subject: str, detail: str, remedy: str) -> Finding:
    return Finding(Status.BROKEN, subject, detail, remedy)
