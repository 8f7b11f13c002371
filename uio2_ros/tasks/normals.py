"""Surface normals: the direction every visible surface faces."""

from __future__ import annotations

import numpy as np

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks.calls import Drawing, Floats
from uio2_ros.tasks.settings import AXES
from uio2_ros.tasks.task import Asking, Session, Task

PROMPT = "What is the surface normal of the image ?"

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


TASK = Task(
    name="normals",
    description="Which way the surface at every pixel of the picture faces. The instruction is "
    "not used.",
    prompt=PROMPT,
    variants=(
        "Show which way each surface in this picture faces.",
        "Draw the orientation of the visible surfaces.",
    ),
    outputs=("text", "images"),
    answer=answer,
    needs_text=False,
)
