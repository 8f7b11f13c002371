"""Depth: metres along the optical axis for every pixel of the picture."""

from __future__ import annotations

import numpy as np

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks.calls import Drawing, Floats
from uio2_ros.tasks.task import Asking, Session, Task

PROMPT = "What is the depth map of the image ?"


def answer(session: Session) -> Asking[Answer]:
    """One picture of metres."""
    reply = yield from session.generate_picture(session.prompt, Drawing.DENSE)
    settings = session.settings
    metres = to_metres(reply.on_picture(), settings.depth_max_m, settings.depth_near_is_white)
    nearest, farthest = float(metres.min()), float(metres.max())
    text = f"depth from {nearest:.2f} m to {farthest:.2f} m"
    return Answer(text=text, pictures=(Picture("depth", metres),))


def to_metres(colors: Floats, max_m: float, near_is_white: bool) -> Floats:
    """(H, W) metres of a depth picture (H, W, 3) in [0, 1] (model.md section 8)."""
    gray = colors.mean(-1)
    metres: Floats = (1 - gray if near_is_white else gray) * np.float32(max_m)
    return metres


TASK = Task(
    name="depth",
    description="How far every pixel of the picture is, in metres. The instruction is not used.",
    prompt=PROMPT,
    variants=(
        "Show how far away each pixel of this picture is.",
        "Draw the distance map of the scene.",
    ),
    outputs=("text", "images"),
    answer=answer,
    needs_text=False,
)
