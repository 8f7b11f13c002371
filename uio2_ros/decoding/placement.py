"""Where the square picture the model saw lies in the original picture. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

ToPixels = Callable[[npt.ArrayLike], npt.NDArray[np.float64]]
_PROBE = 2.0**-11
"""How far from the canvas's middle a map is looked at: a fifth of a pixel of 384."""


@dataclass(frozen=True)
class CanvasPlacement:
    """The model's canvas in pixels of the original picture; negative corners where it was padded.

    A fraction (y, x) of the canvas is the pixel (top + y height, left + x width). picture_height is
    that of what was shown of the original: all of it, or the crop.
    """

    top: float
    left: float
    height: float
    width: float
    picture_height: float

    def __post_init__(self) -> None:
        numbers = (self.top, self.left, self.height, self.width, self.picture_height)
        sizes = (self.height, self.width, self.picture_height)
        if not np.isfinite(numbers).all() or min(sizes) <= 0:
            raise ValueError(f"a canvas has finite corners and positive sizes, got {self}")

    @classmethod
    def whole(cls, height: float, width: float) -> CanvasPlacement:
        """A picture that was shown as it is, stretched to the canvas if need be."""
        return cls(0.0, 0.0, height, width, height)

    @classmethod
    def of(cls, to_pixels: ToPixels, picture_height: float) -> CanvasPlacement:
        """The placement that a map from canvas fractions (y, x) to pixels follows.

        The map is affine and may clip to the picture; it is looked at near the canvas's middle,
        which lies inside every letterboxed picture. ValueError where even the middle is clipped.
        """
        before, middle, after = to_pixels([[0.5 - _PROBE] * 2, [0.5, 0.5], [0.5 + _PROBE] * 2])
        span_y, span_x = (after - before) / (2 * _PROBE)
        even = np.allclose(middle - before, after - middle, rtol=1e-6, atol=0.0)
        if not even or min(span_y, span_x) <= 0:
            raise ValueError(
                "the picture is too narrow to be placed: on the model's canvas it is a line; cut "
                "it to a shape nearer to a square"
            )
        return cls(
            float(middle[0] - span_y / 2),
            float(middle[1] - span_x / 2),
            float(span_y),
            float(span_x),
            picture_height,
        )

    def within(self, top: float, left: float) -> CanvasPlacement:
        """The same canvas in pixels of a larger picture from which this one was cropped there."""
        return replace(self, top=self.top + top, left=self.left + left)

    def pixels_from(self, fractions_yx: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Fractions (..., 2) of the canvas to pixels, not clipped."""
        pixels: npt.NDArray[np.float64] = self._corner + fractions_yx * self._size
        return pixels

    def fractions_from(self, pixels_yx: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Pixels (..., 2) to fractions of the canvas, not clipped."""
        fractions: npt.NDArray[np.float64] = (pixels_yx - self._corner) / self._size
        return fractions

    @property
    def _corner(self) -> npt.NDArray[np.float64]:
        return np.array([self.top, self.left])

    @property
    def _size(self) -> npt.NDArray[np.float64]:
        return np.array([self.height, self.width])
