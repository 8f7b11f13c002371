"""Depth: metres along the optical axis for every pixel of the picture."""

from __future__ import annotations

import numpy as np

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks import parts
from uio2_ros.tasks.model_calls import Drawing, Floats
from uio2_ros.tasks.phrases import SHOW
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


def target(labelled: LabelledCall) -> TargetPicture:
    """Gray levels of the metres; what is farther than the farthest is as far."""
    settings = labelled.session.settings
    metres = np.asarray(only_picture(labelled), np.float32)
    known = np.isfinite(metres) & (metres > 0)
    part = np.clip(np.where(known, metres, 0) / np.float32(settings.depth_max_m), 0, 1)
    return TargetPicture(colors(1 - part if settings.depth_near_is_white else part), known)


TASK = Task(
    name="depth",
    description="How far every pixel of the picture is: metres along the optical axis, float32, "
    "H x W of the picture.",
    prompts={
        UNIFIED_IO_1: Prompt("What is the depth map of the image ?"),
        UNIFIED_IO_2: Prompt(
            "What is the depth map of the image ?",
            (
                "Show how far away each pixel of this picture is.",
                "Draw the distance map of the scene.",
            ),
        ),
    },
    outputs=("text", "images"),
    answer=answer,
    gives=parts.picture,
    target=target,
    settings=("depth_max_m", "depth_near_is_white"),
    phrases=(
        Phrase(
            rf"how\s+(?:far|deep|close)\b|{SHOW}(?:depth|distance)s?\b",
            "it asks how far things are",
            "how far is the door?",
        ),
    ),
)
