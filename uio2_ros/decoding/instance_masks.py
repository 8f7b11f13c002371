"""Masks of instances in a picture where each has a colour, as Unified-IO 1 paints them.

Source: arXiv 2206.08916 and its code, but for two slips of that code: components are those of the
picture, not of its rows, and no pixel belongs to two objects.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

GROUND = 30  # of 255: what is darker in the mean is no object
GRAY_SPREAD = 100  # white and gray objects: the channels differ less from their mean in all
COLOR_LEAD = 40  # coloured objects: their channel exceeds the mean by more
SPECK = 10  # pixels: components up to this size are dropped

Mask = npt.NDArray[np.bool_]


def instance_masks(painted: npt.NDArray[np.uint8]) -> tuple[Mask, ...]:
    """The masks (S, S) in a picture (S, S, 3): white or gray, then red, green and blue; no empty
    ones."""
    values = painted.astype(np.float64)
    mean = values.mean(-1)
    there = mean > GROUND
    gray = there & (np.abs(values - mean[..., None]).sum(-1) < GRAY_SPREAD)
    masks = [gray]
    largest = values.argmax(-1)
    for channel in range(3):
        leads = np.abs(values[..., channel] - mean) > COLOR_LEAD
        masks.append(there & ~gray & (largest == channel) & leads)
    cleaned = (_without_specks(mask) for mask in masks)
    return tuple(mask for mask in cleaned if mask.any())


def _without_specks(mask: Mask) -> Mask:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels.reshape(-1), minlength=count)
    kept = sizes > SPECK
    kept[0] = False
    found: Mask = kept[labels]
    return found
