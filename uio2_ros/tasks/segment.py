"""Segmentation: the pixels of an object in a region, or of everything that is named."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks.calls import Drawing, PictureCall, PictureReply
from uio2_ros.tasks.localize import find
from uio2_ros.tasks.placing import listed
from uio2_ros.tasks.task import Asking, Session, Task, Use, with_text

PROMPT = "Segment the object in this bounding box: {box} {}"


def answer(session: Session) -> Asking[Answer]:
    """One detection and one mask per object, in the same order."""
    what, region = with_text("{}", session.instruction), session.instruction.region
    if region is not None:
        found: tuple[Detection, ...] = (Detection(region, what),)
    elif what:
        found = yield from find(session, what, session.settings.force_class)
        found = _best(found, session.settings.max_masks)
    else:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            "task 'segment' needs to know what to segment; name it or give a region in pixels",
        )
    calls = [
        PictureCall(session.prompt.strip(), Drawing.MASK, region=detection.box)
        for detection in found
    ]
    replies = yield from session.generate_pictures(calls)
    masks = tuple(
        Picture("mask", _mask(reply, session.settings.mask_threshold), one.label, one.score)
        for reply, one in zip(replies, found, strict=True)
    )
    return Answer(text=listed(found), detections=found, pictures=masks)


def _best(found: tuple[Detection, ...], count: int) -> tuple[Detection, ...]:
    """Those with the highest scores, in the order they were found."""
    kept = sorted(found, key=lambda detection: -detection.score)[:count]
    return tuple(detection for detection in found if detection in kept)


def _mask(reply: PictureReply, threshold: float) -> npt.NDArray[np.uint8]:
    """(H, W): 255 where the gray of the reply exceeds the threshold, else 0."""
    gray = reply.on_picture(nearest=True).mean(-1)
    mask: npt.NDArray[np.uint8] = np.where(gray > threshold, np.uint8(255), np.uint8(0))
    return mask


TASK = Task(
    name="segment",
    description="Masks of the object in the region, which the instruction may name, or of every "
    "instance of what it names.",
    prompt=PROMPT,
    variants=(
        "Which pixels show the object in the box {box} {}",
        "Draw the outline mask of what is at {box} {}",
    ),
    outputs=("text", "detections", "images"),
    answer=answer,
    needs_text=False,
    region=Use.OPTIONAL,
)
