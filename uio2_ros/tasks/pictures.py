"""New pictures: from a text, of a goal, and by editing the picture that is seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks.calls import Drawing, PictureReply
from uio2_ros.tasks.task import Asking, Session, Task, Use

GENERATE_PROMPT = "Generate an image matching this text: {}"
GOAL_PROMPT = "Task: {} Given the start state as image, generate the end state image."
EDIT_PROMPT = "Build a new image based on the input image and these instructions: {}"


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
    description="A picture of what the instruction describes. The camera is not used.",
    prompt=GENERATE_PROMPT,
    variants=("Paint a picture of this: {}", "Make a picture that shows {}"),
    outputs=("text", "images"),
    answer=generate,
    image=Use.NONE,
)
GOAL = Task(
    name="goal_image",
    description="What the picture will show once the instruction is carried out.",
    prompt=GOAL_PROMPT,
    variants=("The job is: {} Draw the scene once it is done.",),
    outputs=("text", "images"),
    answer=change,
)
EDIT = Task(
    name="edit_image",
    description="The picture, changed as the instruction says.",
    prompt=EDIT_PROMPT,
    variants=("Redraw this picture with the following change: {}",),
    outputs=("text", "images"),
    answer=change,
)
