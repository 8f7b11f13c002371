"""Pictures and sound of an answer as files, beside the drawing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import soundfile

from uio2_ros.messages.pictures import to_millimetres
from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.viewing.panels import SOUND_RATE_HZ, normal_colors


def save_answer(answer: Answer, beside: Path) -> list[Path]:
    """Writes all pictures and sounds; their paths, such as `uio2_answer_depth.png`.

    Masks are gray, 0 or 255; depth is 16 bit, millimetres, 0 where unknown; normals have the usual
    colours (red right, green up, blue towards the camera). Sound is WAV, 32-bit float. `beside` is
    the path of the drawing. OSError for a folder that cannot be written.
    """
    paths = []
    for name, picture in _named_pictures(answer):
        paths.append(beside.with_name(f"{beside.stem}_{name}.png"))
        write_picture(paths[-1], _pixels(picture))
    for number, samples in enumerate(answer.audio, start=1):
        suffix = f"_{number}" if len(answer.audio) > 1 else ""
        paths.append(beside.with_name(f"{beside.stem}{suffix}.wav"))
        with paths[-1].open("wb") as file:
            soundfile.write(file, samples, SOUND_RATE_HZ, format="WAV", subtype="FLOAT")
    return paths


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes gray (H, W) or RGB (H, W, 3) in the format that the path ends in.

    OSError says why it cannot be written.
    """
    stored = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])
    try:
        written = cv2.imwrite(str(path), stored)
    except cv2.error as error:
        reason = " ".join(str(error.err or error).split())
        raise OSError(f"{path} cannot be written ({reason}); give a .png or .jpg") from error
    if not written:
        raise OSError(f"{path} cannot be written; is its folder there?")


def _named_pictures(answer: Answer) -> Iterator[tuple[str, Picture]]:
    """Pictures by their role, numbered from 1 where there are several of it."""
    totals = Counter(picture.role for picture in answer.pictures)
    seen: Counter[str] = Counter()
    for picture in answer.pictures:
        seen[picture.role] += 1
        many = totals[picture.role] > 1
        yield f"{picture.role}_{seen[picture.role]}" if many else picture.role, picture


def _pixels(picture: Picture) -> np.ndarray:
    """What a file shows of it."""
    if picture.role == "depth":
        return to_millimetres(picture.pixels)
    if picture.role == "mask":
        return picture.pixels
    if picture.role == "normals":
        return normal_colors(picture.pixels)
    return np.asarray(picture.pixels, np.uint8)
