"""Detection: all objects of the picture, of any class or of given classes."""

from __future__ import annotations

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.localize import boxes_grammar
from uio2_ros.tasks.placing import detections, listed, within_picture
from uio2_ros.tasks.task import Asking, Session, Task, Use

PROMPT = "List all objects and their locations in the image"


def answer(session: Session) -> Asking[Answer]:
    """All objects; with options, labelled with nothing but those."""
    reply = yield from session.generate(
        session.prompt,
        boxes_grammar(session, session.instruction.options),
        force_locations=session.settings.force_everything,
    )
    boxes = detections(reply, session.symbols.vocabulary, overlap=session.settings.overlap)
    found = within_picture(boxes)
    return Answer(text=listed(found), detections=found)


TASK = Task(
    name="detect",
    description="All objects in the picture; options, if given, are the only labels. The "
    "instruction is not used.",
    prompt=PROMPT,
    variants=("Name every object in this picture and say where it is.",),
    outputs=("text", "detections"),
    answer=answer,
    needs_text=False,
    options=Use.OPTIONAL,
)
