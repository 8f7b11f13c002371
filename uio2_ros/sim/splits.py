"""What may be seen in training and what is kept back: seeds, kinds of objects, and wordings."""

from __future__ import annotations

import zlib
from enum import Enum

import numpy as np

from uio2_ros.sim.spec import Colour, Shape


class Split(Enum):
    """The two halves of the simulator's world."""

    TRAIN = "train"
    HELD_OUT = "held-out"


_COLOURS, _SHAPES = tuple(Colour), tuple(Shape)


def is_held_out(colour: Colour, shape: Shape) -> bool:
    """Whether a colour never appears on a shape in training; 18 of 72 pairs, 2 or more a shape."""
    return (_COLOURS.index(colour) + _SHAPES.index(shape)) % 4 == 0


def kinds_named(split: Split) -> tuple[tuple[Colour, Shape], ...]:
    """What objects may be called. In training not even what is absent bears a held-out name.

    A name that training only ever denies would be learnt as that of something that never is.
    """
    return tuple(
        (colour, shape)
        for colour in _COLOURS
        for shape in _SHAPES
        if split is not Split.TRAIN or not is_held_out(colour, shape)
    )


def generator(task: str, seed: int, split: Split) -> np.random.Generator:
    """The randomness of an episode. No seed of one split gives what a seed of the other gives."""
    if seed < 0:
        raise ValueError(f"a seed must not be negative, got {seed}")
    salt = zlib.crc32(f"{task}/{split.value}".encode())
    return np.random.default_rng([salt, seed])
