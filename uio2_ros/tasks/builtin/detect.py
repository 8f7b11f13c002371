"""Detection: all objects of the picture, of any class or of given classes."""

from __future__ import annotations

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts, targets
from uio2_ros.tasks.builtin.localize import boxes_grammar
from uio2_ros.tasks.phrases import LOOK
from uio2_ros.tasks.placing import detections, listed, within_picture
from uio2_ros.tasks.task import UNIFIED_IO_2, Argument, Asking, Phrase, Prompt, Session, Task


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
    description="All objects in the picture, as labelled boxes.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "List all objects and their locations in the image",
            ("Name every object in this picture and say where it is.",),
        )
    },
    outputs=("text", "detections"),
    answer=answer,
    gives=parts.detections,
    target=targets.boxes,
    arguments=(Argument("labels", "the only labels there are", "options", required=False),),
    settings=("max_boxes", "label_tokens", "force_everything", "overlap"),
    phrases=(
        Phrase(
            rf"(?:{LOOK}\s+(?:everything|(?:(?:all|every)\s+(?:(?:of|the)\s+)*|the\s+)"
            r"(?:objects?|things?))|(?:what|which)\s+(?:objects|things)\s+(?:are|do|can)\b"
            r"(?:\s+you\s+see)?)(?=(?:\s+(?:in|on|here|around|you|there|and)\b.*)?[\s.?!]*$)",
            "it asks for all objects",
            "list all objects",
        ),
    ),
)
