"""Masks as one picture with a colour each, as Unified-IO 1 was trained to read them.

Source: arXiv 2206.08916 and its code, which paints the first colour red though it calls it white;
here it is white. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

COLORS: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("white", (255, 255, 255)),
    ("red", (255, 0, 0)),
    ("lime", (0, 255, 0)),
    ("blue", (0, 0, 255)),
    ("white", (255, 255, 255)),
    ("gray", (128, 128, 128)),
    ("fuchsia", (255, 0, 255)),
    ("yellow", (255, 255, 0)),
    ("aqua", (0, 255, 255)),
    ("silver", (192, 192, 192)),
    ("maroon", (128, 0, 0)),
    ("olive", (128, 128, 0)),
    ("green", (0, 128, 0)),
    ("teal", (0, 128, 128)),
    ("navy", (0, 0, 128)),
    ("purple", (128, 0, 128)),
)
"""In the order of the labels; white stands twice, as in training."""


def colored_segments(
    masks: Sequence[npt.ArrayLike], labels: Sequence[str]
) -> tuple[npt.NDArray[np.uint8], str]:
    """The picture (H, W, 3) RGB and the text that task `image_from_segments` takes.

    masks: (H, W) each, true or above 0 where the segment is; a later one covers earlier ones, and
        what none covers is black.
    labels: what each of them is to show.

    Raises ValueError for no masks, more than there are colours, and masks of unequal shapes.
    """
    if not 1 <= len(masks) <= len(COLORS) or len(masks) != len(labels):
        raise ValueError(
            f"1 to {len(COLORS)} masks with a label each can be painted, got {len(masks)} masks "
            f"and {len(labels)} labels"
        )
    shown = [np.asarray(mask) > 0 for mask in masks]
    if shown[0].ndim != 2 or any(mask.shape != shown[0].shape for mask in shown):
        raise ValueError(f"masks are (H, W), all alike; got {[mask.shape for mask in shown]}")
    picture = np.zeros((*shown[0].shape, 3), np.uint8)
    for mask, (_, color) in zip(shown, COLORS, strict=False):
        picture[mask] = color
    named = zip(labels, COLORS, strict=False)
    return picture, " , ".join(f"{label} : {color}" for label, (color, _) in named)
