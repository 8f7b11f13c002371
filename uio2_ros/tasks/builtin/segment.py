"""Segmentation: the pixels of an object in a region, or of everything that is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.instance_masks import instance_masks
from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import parts
from uio2_ros.tasks.builtin import localize
from uio2_ros.tasks.model_calls import Drawing, PictureCall, PictureReply, TextCall
from uio2_ros.tasks.phrases import SHOW, thing
from uio2_ros.tasks.placing import listed
from uio2_ros.tasks.targets import Target, TargetError, TargetPicture, colors
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Session,
    Task,
    with_text,
)


def answer(session: Session) -> Asking[Answer]:
    """One detection and one mask per object, in the same order; where there is none, one mask of
    nothing with a score of 0."""
    what, region = with_text("{}", session.instruction), session.instruction.region
    if session.family == UNIFIED_IO_1:
        return (yield from _painted(session, what))
    if region is not None:
        found: tuple[Detection, ...] = (Detection(region, what),)
    elif what:
        found = yield from localize.find(session, what, session.settings.force_class)
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
    return Answer(text=listed(found), detections=found, pictures=masks or (_nothing(session),))


def _painted(session: Session, what: str) -> Asking[Answer]:
    """All instances at once, in a picture where each has a colour."""
    if session.instruction.region is not None or not what:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            "task 'segment' of this model needs the name of a class and takes no region",
        )
    reply = yield from session.generate_picture(session.prompt, Drawing.MASK)
    masks = [mask.astype(np.uint8) * 255 for mask in instance_masks(reply.pixels)]
    placed = [replace(reply, pixels=mask).on_picture(nearest=True) for mask in masks]
    found = [(pixels, _extent(pixels)) for pixels in placed]
    pictures = tuple(
        Picture("mask", np.where(pixels > 0, np.uint8(255), np.uint8(0)), what)
        for pixels, box in found
        if box is not None
    )
    boxes = tuple(Detection(box, what) for _, box in found if box is not None)
    return Answer(text=listed(boxes), detections=boxes, pictures=pictures or (_nothing(session),))


def _extent(mask: npt.NDArray[np.float32]) -> Box | None:
    """The box of what is not 0 in (H, W), in pixels; None for nothing."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return Box(float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0)


def _nothing(session: Session) -> Picture:
    image = session.observation.image
    assert image is not None, "the task requires a picture"
    label = with_text("{}", session.instruction)
    return Picture("mask", np.zeros(image.pixels.shape[:2], np.uint8), label, 0.0)


def _best(found: tuple[Detection, ...], count: int) -> tuple[Detection, ...]:
    """Those with the highest scores, in the order they were found."""
    kept = sorted(found, key=lambda detection: -detection.score)[:count]
    return tuple(detection for detection in found if detection in kept)


def _mask(reply: PictureReply, threshold: float) -> npt.NDArray[np.uint8]:
    """(H, W): 255 where the gray of the reply exceeds the threshold, else 0."""
    gray = reply.on_picture(nearest=True).mean(-1)
    mask: npt.NDArray[np.uint8] = np.where(gray > threshold, np.uint8(255), np.uint8(0))
    return mask


def target(labelled: LabelledCall) -> Target:
    """First the boxes of what is named, then the mask of each."""
    if isinstance(labelled.call, TextCall):
        return localize.target(labelled)
    masks, found = labelled.answer.pictures, labelled.answer.detections
    if len(masks) != len(found):
        raise TargetError(
            f"the answer has {len(found)} boxes and {len(masks)} masks; expected one mask per box, "
            "in the same order"
        )
    mask = masks[labelled.nearest([one.box for one in found])].pixels
    return TargetPicture(colors(np.asarray(mask, np.float32) / 255))


TASK = Task(
    name="segment",
    description="A mask of the object in a region, or of every instance of a class: uint8, 0 or "
    "255, H x W of the picture, and its box. Methods give all masks as one.",
    prompts={
        UNIFIED_IO_1: Prompt('What is the segmentation of " {} " ?'),
        UNIFIED_IO_2: Prompt(
            "Segment the object in this bounding box: {box} {}",
            (
                "Which pixels show the object in the box {box} {}",
                "Draw the outline mask of what is at {box} {}",
            ),
        ),
    },
    outputs=("text", "detections", "images"),
    answer=answer,
    gives=parts.mask,
    target=target,
    arguments=(
        Argument("what", "the name of the object or class", required=False),
        Argument("region", "where the object is", "region", required=False),
    ),
    settings=("mask_threshold", "max_masks"),
    phrases=(
        Phrase(
            r"(?:segment|mask|outline|cut\s+out"
            rf"|{SHOW}(?:mask|outline|segmentation|pixels)s?\s+of)\b\s*(?=\w)",
            "it asks for a mask",
            "segment the mug",
            thing,
        ),
    ),
)
