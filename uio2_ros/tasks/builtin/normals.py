"""Surface normals: the direction every visible surface faces."""

from __future__ import annotations

import numpy as np

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks import parts
from uio2_ros.tasks.model_calls import Drawing, Floats
from uio2_ros.tasks.phrases import SHOW
from uio2_ros.tasks.settings import AXES
from uio2_ros.tasks.targets import TargetPicture, colors, only_picture
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Session,
    Task,
)

SHORTEST = 0.25
"""Colours that decode to shorter vectors than this are near gray and say no direction."""


def answer(session: Session) -> Asking[Answer]:
    """One picture of unit vectors in the optical frame."""
    reply = yield from session.generate_picture(session.prompt, Drawing.DENSE)
    vectors = to_normals(reply.on_picture(), session.settings.normal_axes)
    known = np.isfinite(vectors[..., 0]).mean()
    text = f"surface normals of {100 * known:.0f} % of the pixels"
    return Answer(text=text, pictures=(Picture("normals", vectors),))


def to_normals(colors: Floats, axes: str) -> Floats:
    """Unit vectors (H, W, 3) in the optical frame of a picture (H, W, 3) in [0, 1].

    axes: the optical axis that red, green and blue stand for, brighter being further along it.
    NaN where a colour is near gray or stands for a surface that faces away from the camera.
    """
    along = 2 * colors - 1  # each channel's component, in [-1, 1]
    vectors = np.empty(colors.shape, np.float32)
    for channel, axis in enumerate(axes.split()):
        vectors[..., AXES.index(axis[1])] = along[..., channel] * (-1 if axis[0] == "-" else 1)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    seen = (length >= SHORTEST) & (vectors[..., 2:] < 0)
    normals: Floats = np.where(seen, vectors / np.maximum(length, SHORTEST), np.float32(np.nan))
    return normals


def target(labelled: LabelledCall) -> TargetPicture:
    """Each channel the component along its axis, from -1 (black) to 1."""
    normals = np.asarray(only_picture(labelled), np.float32)
    known = np.asarray(np.isfinite(normals).all(axis=-1) & normals.any(axis=-1))
    normals = np.where(known[..., None], normals, 0)
    channels = [
        normals[..., AXES.index(axis[1])] * np.float32(-1 if axis[0] == "-" else 1)
        for axis in labelled.session.settings.normal_axes.split()
    ]
    return TargetPicture(colors((np.stack(channels, axis=-1) + np.float32(1)) / 2), known)


TASK = Task(
    name="normals",
    description="Which way the surface at every pixel of the picture faces: unit vectors in the "
    "optical frame, z negative (facing the camera), float32, H x W x 3; NaN where the model drew "
    "gray or a surface seen from behind.",
    prompts={
        UNIFIED_IO_1: Prompt("What is the surface normal of the image ?"),
        UNIFIED_IO_2: Prompt(
            "What is the surface normal of the image ?",
            (
                "Show which way each surface in this picture faces.",
                "Draw the orientation of the visible surfaces.",
            ),
        ),
    },
    outputs=("text", "images"),
    answer=answer,
    gives=parts.picture,
    target=target,
    settings=("normal_axes",),
    phrases=(
        Phrase(
            rf"{SHOW}(?:surface\s+)?(?:normals?|orientations?)\b",
            "it asks which way surfaces face",
            "show the surface normals",
        ),
    ),
)
