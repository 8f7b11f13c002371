"""Referring expression: the one region that a text describes."""

from __future__ import annotations

from dataclasses import replace

from uio2_ros.decoding import single_box
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.placing import detections
from uio2_ros.tasks.task import Asking, Session, Task, parse_failed

PROMPT = 'Which region does the text "{}" describe?'


def answer(session: Session) -> Asking[Answer]:
    """One detection, labelled with the instruction."""
    reply = yield from session.generate(session.prompt, session.grammar(single_box))
    found = detections(reply, session.symbols.vocabulary)
    if len(found) != 1:
        raise parse_failed(reply, f"expected one box of four locations, got {len(found)}")
    label = session.instruction.instruction.strip()
    return Answer(text=label, detections=(replace(found[0], label=label),))


TASK = Task(
    name="refexp",
    description="The region of the picture that the instruction describes.",
    prompt=PROMPT,
    variants=('Where in the picture is "{}"?', 'Point out what is meant by "{}"'),
    outputs=("text", "detections"),
    answer=answer,
)
