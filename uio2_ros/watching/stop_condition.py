"""What ends a standing instruction: something is there, is gone, or is another than at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.task import Task

OBJECTS = frozenset({"detections", "detections_3d", "keypoints", "images"})
"""Outputs that show objects: boxes, 3D boxes, points and masks."""


class StopCondition:
    """Whether it is time to end, from answer to answer. One thread at a time."""

    def __init__(self, standing: StandingInstruction, task: Task) -> None:
        """InstructionError INVALID_REQUEST for a condition that no answer of the task meets."""
        self._standing = standing
        self._text = _normal(standing.until_text)
        self._first: Hashable = None
        self._in_a_row = 0
        finds_objects = OBJECTS.intersection(task.outputs)
        if standing.until in (Until.SEEN, Until.GONE) and not (finds_objects or self._text):
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"task {task.name!r} answers with words: give in until_text which of them counts, "
                "or watch with a task that finds objects, such as 'localize'",
            )

    def is_met_by(self, answer: Answer) -> bool:
        """Takes the next answer; whether the condition has held in as many as it must."""
        self._in_a_row = self._in_a_row + 1 if self._holds(answer) else 0
        return self._in_a_row >= self._standing.in_a_row

    def _holds(self, answer: Answer) -> bool:
        until = self._standing.until
        if until is Until.SEEN:
            return self._is_there(answer)
        if until is Until.GONE:
            return not self._is_there(answer)
        if until is Until.CHANGED:
            said = self._said(answer)
            self._first = said if self._first is None else self._first
            return said != self._first
        return False

    def _is_there(self, answer: Answer) -> bool:
        if any(True for _ in self._objects(answer)):
            return True
        return bool(self._text) and self._text == _normal(answer.text)

    def _said(self, answer: Answer) -> Hashable:
        """What must be another: how many objects of which label there are, without any the text."""
        return frozenset(Counter(self._objects(answer)).items()) or _normal(answer.text)

    def _objects(self, answer: Answer) -> Iterator[str]:
        """The labels of the objects that count."""
        masks = (picture for picture in answer.pictures if picture.role == "mask")
        scored = [(found.label, found.score) for found in answer.detections]
        scored += [(found.label, found.score) for found in answer.cuboids]
        scored += [(mask.label, mask.score) for mask in masks]
        for points in answer.keypoints:
            best = max((point.score for point in points.points if point.visible), default=-1.0)
            scored.append((points.label, best))
        for label, score in scored:
            if score >= self._standing.least_score and self._text in ("", _normal(label)):
                yield _normal(label)


def _normal(text: str) -> str:
    """Without what does not matter: case, spaces around, a full stop."""
    return text.strip().rstrip(".").casefold()
