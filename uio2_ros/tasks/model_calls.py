"""What a task asks of the model, and what it gets back. numpy only.

A task's `answer` is a generator: it yields calls that may be carried out together, is sent their
replies in the same order, and returns the answer. That lets many instructions advance together on
one model, whatever their tasks (see `batch`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding import Grammar
from uio2_ros.robot.box import Box


class Drawing(Enum):
    """How the codes of a picture are drawn (`inference.defaults`)."""

    GUIDED = "guided"
    """Picture from a text, guided away from a random picture."""
    FAITHFUL = "faithful"
    """The same without guidance: pictures that follow an input picture."""
    DENSE = "dense"
    """A value for every pixel of the input picture."""
    MASK = "mask"
    """Black and white for every pixel of the input picture."""


@dataclass(frozen=True)
class TextCall:
    """Continue a prompt within a grammar. `{box}` in a prompt becomes the region."""

    prompt: str
    grammar: Grammar
    region: Box | None = None
    force_locations: float | None = None


@dataclass(frozen=True)
class ScoreCall:
    """Say how likely each option is after a prompt."""

    prompt: str
    options: tuple[str, ...]
    region: Box | None = None


@dataclass(frozen=True)
class PictureCall:
    """Generate a picture; what of the input picture lies in `blank` is not shown to the model."""

    prompt: str
    drawing: Drawing
    region: Box | None = None
    blank: Box | None = None


@dataclass(frozen=True)
class SoundCall:
    """Generate a sound; the reply is its mono samples at 16 kHz (n,)."""

    prompt: str


ModelCall: TypeAlias = TextCall | ScoreCall | PictureCall | SoundCall
Floats = npt.NDArray[np.float32]
_T = TypeVar("_T")
Asking: TypeAlias = Generator[tuple[ModelCall, ...], Any, _T]
"""A generator that asks the model and returns a _T."""


@dataclass(frozen=True)
class Reply:
    """What the model wrote: tokens without start and end, and each token's probability.

    The probability is the model's own, before the grammar; a token that the grammar forced and
    that is no location was not asked for and has 1.
    `to_pixels` maps (..., 2 k) alternating y and x in [0, 1] of the picture the model saw to pixels
    of the original; None without a picture.
    """

    text: str
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    to_pixels: Callable[[npt.ArrayLike], npt.NDArray[np.float64]] | None = None
    at_limit: bool = False
    """Whether it has as many tokens as its grammar allows: a free text may have been cut."""


@dataclass(frozen=True)
class PictureReply:
    """What the model drew, and how it is put back on the input picture."""

    pixels: npt.NDArray[np.uint8]  # (S, S, 3) RGB, letterboxed like the input picture
    to_picture: Callable[..., Floats] | None = None
    """f(pixels, nearest=False) -> (H, W, 3) in [0, 1]; None without an input picture."""

    def on_picture(self, *, nearest: bool = False) -> Floats:
        """(H, W, 3) in [0, 1] of the original picture; ValueError if there is none."""
        if self.to_picture is None:
            raise ValueError("a picture made from text alone cannot be put back on a picture")
        return self.to_picture(self.pixels, nearest=nearest)
