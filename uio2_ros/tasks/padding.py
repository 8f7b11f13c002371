"""Generated pictures back on the picture they belong to, without the padding around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from uio2_ros.processing.geometry import ImageInfo
from uio2_ros.tasks.model_calls import Floats

if TYPE_CHECKING:
    from uio2_ros.inference.family import ExampleProcessor

Pixels = npt.NDArray[np.uint8]


def put_back(
    pixels: Pixels,
    *,
    processor: ExampleProcessor,
    image_info: npt.NDArray[np.float32],
    nearest: bool = False,
) -> Floats:
    """A generated picture (S, S, 3) on the original one: (H, W, 3) in [0, 1].

    What the model drew on the padding is replaced first, so that the interpolation at the edges
    takes nothing from it.
    """
    info = ImageInfo.from_array(image_info)
    picture = without_padding(pixels, info, processor.config.image.size)
    return processor.to_picture(picture, image_info, nearest=nearest)


def without_padding(pixels: Pixels, info: ImageInfo, canvas: tuple[int, int]) -> Pixels:
    """The picture (S, S, 3) with rows and columns of padding like the nearest real ones."""
    rows = _real(pixels.shape[0], canvas[0], info.corner[0], info.scaled_shape[0])
    columns = _real(pixels.shape[1], canvas[1], info.corner[1], info.scaled_shape[1])
    return pixels[rows[:, None], columns]


def _real(size: int, canvas: int, first: int, count: int) -> npt.NDArray[np.intp]:
    """For each of `size` samples of a canvas side, the nearest one with its middle on the picture,
    which takes up `count` pixels of the side from `first` on."""
    middles = (np.arange(size) + 0.5) * canvas / size
    real = np.flatnonzero((middles >= first) & (middles < first + count))
    if not real.size:
        real = np.array([np.abs(middles - (first + count / 2)).argmin()])
    return np.clip(np.arange(size), real[0], real[-1])
