"""Inpainting: the region of the picture drawn anew from what is around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.box import Box
from uio2_ros.tasks import parts, targets
from uio2_ros.tasks.builtin.pictures import colors_on_picture, drawn
from uio2_ros.tasks.model_calls import Drawing
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    Prompt,
    Session,
    Task,
    with_text,
)


def answer(session: Session) -> Asking[Answer]:
    """The picture with the region drawn anew, the rest untouched."""
    region, image = session.instruction.region, session.observation.image
    assert region is not None, "the task requires a region"
    assert image is not None, "the task requires a picture"
    reply = yield from session.generate_picture(
        _prompt(session), Drawing.FAITHFUL, region=region, blank=region
    )
    return drawn(session, replaced(image.pixels, colors_on_picture(reply), region))


def _prompt(session: Session) -> str:
    """The region alone, or followed by what it shall show."""
    what = with_text("{}", session.instruction)
    return session.template.replace("{}" if what else " {}", what)


def replaced(
    original: npt.NDArray[np.uint8], filling: npt.NDArray[np.uint8], region: Box
) -> npt.NDArray[np.uint8]:
    """The original with the pixels that the region touches taken from the filling."""
    rows = slice(int(region.y1), int(np.ceil(region.y2)))
    columns = slice(int(region.x1), int(np.ceil(region.x2)))
    pixels: npt.NDArray[np.uint8] = original.copy()
    pixels[rows, columns] = filling[rows, columns]
    return pixels


TASK = Task(
    name="inpaint",
    description="The picture with a region drawn anew, the rest untouched.",
    prompts={
        UNIFIED_IO_1: Prompt('Filling the blank region " {box} {} " ?'),
        UNIFIED_IO_2: Prompt(
            "Filling the blank region {box} {}.",
            ("Paint what belongs into the hidden area {box} {}.",),
        ),
    },
    outputs=("text", "images"),
    answer=answer,
    gives=parts.picture,
    target=targets.picture,
    arguments=(
        Argument("region", "what is drawn anew", "region"),
        Argument("text", "what the region is to show", required=False),
    ),
)
