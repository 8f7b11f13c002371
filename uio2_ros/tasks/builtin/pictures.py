"""New pictures: from a text, of a goal, and by editing the picture that is seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks import parts, targets
from uio2_ros.tasks.model_calls import Drawing, PictureReply
from uio2_ros.tasks.phrases import MAKE, PICTURE, rest
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    Phrase,
    Prompt,
    Session,
    Task,
    Use,
)


def generate(session: Session) -> Asking[Answer]:
    """A square picture of the text."""
    reply = yield from session.generate_picture(session.prompt, Drawing.GUIDED)
    return drawn(session, reply.pixels)


def change(session: Session) -> Asking[Answer]:
    """A picture of the size of the one that is seen."""
    reply = yield from session.generate_picture(session.prompt, Drawing.FAITHFUL)
    return drawn(session, colors_on_picture(reply))


def colors_on_picture(reply: PictureReply) -> npt.NDArray[np.uint8]:
    """RGB (H, W, 3) of the original picture's size, without the padding around it."""
    pixels: npt.NDArray[np.uint8] = (reply.on_picture() * 255).round().astype(np.uint8)
    return pixels


def drawn(session: Session, pixels: npt.NDArray[np.uint8]) -> Answer:
    """The answer that is a generated picture, labelled with the instruction."""
    height, width = pixels.shape[:2]
    label = session.instruction.instruction.strip()
    return Answer(
        text=f"a picture of {width} x {height} pixels",
        pictures=(Picture("generated", pixels, label),),
    )


GENERATE = Task(
    name="generate_image",
    description="A picture: RGB uint8, 256 x 256. The camera is not used.",
    prompts={
        UNIFIED_IO_1: Prompt('What is the complete image? Text: " {} " .'),
        UNIFIED_IO_2: Prompt(
            "Generate an image matching this text: {}",
            ("Paint a picture of this: {}", "Make a picture that shows {}"),
        ),
    },
    outputs=("text", "images"),
    answer=generate,
    gives=parts.picture,
    target=targets.picture,
    arguments=(Argument("text", "what the picture is to show"),),
    image=Use.NONE,
    phrases=(
        Phrase(
            rf"{MAKE}\s+(?:me\s+)?(?:(?:the|a|an)\s+)?{PICTURE}\s+(?:of|showing|that\s+shows)\b"
            r"\s*(?=\w)|(?:draw|paint|sketch)\b\s*(?:me\b\s*)?(?=\w)",
            "it asks for a new picture",
            "draw a red mug on a table",
            rest,
        ),
    ),
)
GOAL = Task(
    name="goal_image",
    description="What the picture will show once the instruction is carried out: RGB uint8 of the "
    "picture's size.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Task: {} Given the start state as image, generate the end state image.",
            ("The job is: {} Draw the scene once it is done.",),
        )
    },
    outputs=("text", "images"),
    answer=change,
    gives=parts.picture,
    target=targets.picture,
    arguments=(Argument("text", "what is to be done"),),
    phrases=(
        Phrase(
            r"what\s+(?:will|would)\b.*?\blook\s+like\s+(?:when|once|after|if)\b\s*(?=\w)"
            r"|(?:show|draw|imagine|predict)\s+(?:me\s+)?the\s+(?:goal|result|end\s+state)\s+"
            r"(?:of|for|when|after|once)\b\s*(?=\w)",
            "it asks how things will look",
            "what will it look like once the table is clear?",
            rest,
        ),
    ),
)
EDIT = Task(
    name="edit_image",
    description="The picture, changed: RGB uint8 of its size.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Build a new image based on the input image and these instructions: {}",
            ("Redraw this picture with the following change: {}",),
        )
    },
    outputs=("text", "images"),
    answer=change,
    gives=parts.picture,
    target=targets.picture,
    arguments=(Argument("text", "what is to be changed"),),
    phrases=(
        Phrase(
            rf"(?:edit|modify|change|alter|make)\s+(?:the|this)\s+{PICTURE}\b"
            rf"|(?:remove|erase|add|replace)\b.*\b(?:from|in|to)\s+(?:the|this)\s+{PICTURE}\b",
            "it asks for a changed picture",
            "remove the mug from the picture",
        ),
    ),
)
