"""Referring expression: the one region that a text describes."""

from __future__ import annotations

from dataclasses import replace

from uio2_ros.decoding import single_box
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts
from uio2_ros.tasks.placing import detections
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Prompt,
    Session,
    Task,
    parse_failed,
)


def answer(session: Session) -> Asking[Answer]:
    """One detection, labelled with the instruction."""
    reply = yield from session.generate(session.prompt, session.grammar(single_box))
    found = detections(reply, session.symbols.vocabulary)
    if len(found) != 1:
        raise parse_failed(reply, f"expected one box of four locations, got {len(found)}")
    label = session.instruction.instruction.strip()
    return Answer(text=label, detections=(replace(found[0], label=label),))


def target(labelled: LabelledCall) -> str:
    """The one detection, without a label."""
    found = labelled.answer.detections
    if len(found) != 1:
        raise TargetError(f"the answer has {len(found)} boxes, expected the one that is meant")
    return labelled.box(found[0].box)


TASK = Task(
    name="refexp",
    description="The region of the picture that a text describes, as one box labelled with the "
    "text.",
    prompts={
        UNIFIED_IO_1: Prompt('Which region does the text " {} " describe ?'),
        UNIFIED_IO_2: Prompt(
            'Which region does the text "{}" describe?',
            ('Where in the picture is "{}"?', 'Point out what is meant by "{}"'),
        ),
    },
    outputs=("text", "detections"),
    answer=answer,
    gives=parts.detection,
    target=target,
    arguments=(Argument("text", "the text, for example: the red mug on the left"),),
    aliases=("locate",),
)
