"""Points in space as location tokens, as PointNav's prompts have them. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.quantities import (
    Floats,
    Ids,
    Range,
    fractions_from,
    fractions_of,
    tokens_of,
    values_from,
)
from uio2_ros.decoding.vocabulary import Vocabulary

_HABITAT_FROM_ROBOT = np.array(
    [[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]  # right, up, backward
)
_WRITTEN = (0, 2, 1)  # x z y: the two level axes, then the height
_NAMES = tuple(f"the {axis} of a position (x right, y up, z backward)" for axis in "xzy")


@dataclass(frozen=True)
class PointCodec:
    """Positions within `reach_m` of an origin <-> three location tokens `x z y`.

    Positions are in a robot's axes (REP 103: x forward, y left, z up). The tokens are in those of
    Habitat, whose PointNav the model learned: x right, y up, z backward, so that `x z y` are the
    two level coordinates and then the height. Ranges: model.md section 9.
    """

    reach_m: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.reach_m < math.inf:
            raise ValueError(f"the reach of positions is more than 0 m, got {self.reach_m:g}")

    @property
    def range(self) -> Range:
        return Range(-self.reach_m, self.reach_m)

    def encode(
        self, vocabulary: Vocabulary, positions: npt.ArrayLike, *, clip: bool = False
    ) -> Ids:
        """(N, 3) metres to (N, 3) tokens; ValueError beyond the reach, unless clipped to it."""
        given = np.asarray(positions, np.float64)
        if given.ndim != 2 or given.shape[1] != 3:
            raise ValueError(f"positions are (N, 3) numbers, got an array of {given.shape}")
        far = given[~(np.abs(given) <= self.reach_m)]
        if far.size and not (clip and np.isfinite(given).all()):
            raise ValueError(
                f"a position must be within {self.reach_m:g} m of the start along each axis, got "
                f"{far[0]:g} m"
            )
        written = (given @ _HABITAT_FROM_ROBOT.T)[:, _WRITTEN]
        return tokens_of(vocabulary, fractions_from(written, self._ranges, _NAMES, clip=clip))

    def decode(self, vocabulary: Vocabulary, tokens: npt.ArrayLike) -> Floats:
        """(N, 3) tokens to (N, 3) metres; ValueError for tokens that are no locations."""
        fractions = fractions_of(vocabulary, tokens)
        if fractions.ndim != 2 or fractions.shape[1] != 3:
            raise ValueError(f"a position has 3 tokens, got an array of {fractions.shape}")
        written = values_from(fractions, self._ranges)
        positions: Floats = written[:, np.argsort(_WRITTEN)] @ _HABITAT_FROM_ROBOT
        return positions

    @property
    def _ranges(self) -> tuple[Range, Range, Range]:
        return (self.range,) * 3
