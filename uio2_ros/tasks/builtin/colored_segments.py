"""A picture of what coloured segments stand for."""

from __future__ import annotations

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts, targets
from uio2_ros.tasks.builtin.pictures import drawn
from uio2_ros.tasks.model_calls import Drawing
from uio2_ros.tasks.task import UNIFIED_IO_1, Argument, Asking, Prompt, Session, Task


def answer(session: Session) -> Asking[Answer]:
    """A square picture."""
    reply = yield from session.generate_picture(session.prompt, Drawing.FAITHFUL)
    return drawn(session, reply.pixels)


TASK = Task(
    name="image_from_segments",
    description="A picture, RGB uint8, 256 x 256, whose segments are those of the picture that is "
    "seen: black where there is none, else in the colours that the text gives their names.",
    prompts={
        UNIFIED_IO_1: Prompt(
            'What is the complete image? Segmentation color: " {} "', lower_case=True
        )
    },
    outputs=("text", "images"),
    answer=answer,
    gives=parts.picture,
    target=targets.picture,
    arguments=(Argument("names", "names and colours, for example: penguin : white , rock : red"),),
)
