"""Numbers with a range as location tokens, many at a time. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


class Range(NamedTuple):
    """What the first and the last location token stand for."""

    low: float
    high: float


def fractions_of(vocabulary: Vocabulary, tokens: npt.ArrayLike) -> Floats:
    """Location tokens of any shape to fractions in [0, 1]; ValueError for other tokens."""
    ids = np.asarray(tokens, np.int64)
    places = vocabulary.location_ids
    strange = ids[(ids < places.start) | (ids >= places.stop)]
    if strange.size:
        raise ValueError(
            f"token {strange.flat[0]} is no location token; expected ids from {places.start} to "
            f"{places.stop - 1}"
        )
    fractions: Floats = (places.stop - 1 - ids) / (len(places) - 1)
    return fractions


def tokens_of(vocabulary: Vocabulary, fractions: npt.ArrayLike) -> Ids:
    """Fractions in [0, 1] of any shape to location tokens, cut down to whole bins as in training.

    Rounded to float32 before the cut, so that what was read from tokens gives the same tokens.
    Raises ValueError for a fraction outside [0, 1].
    """
    values = np.asarray(fractions, np.float64)
    strange = values[~((values >= 0) & (values <= 1))]
    if strange.size:
        raise ValueError(f"a location is a fraction in [0, 1], got {strange.flat[0]:g}")
    places = vocabulary.location_ids
    bins = np.floor((values * (len(places) - 1)).astype(np.float32)).astype(np.int64)
    tokens: Ids = places.stop - 1 - bins
    return tokens


def values_from(fractions: Floats, ranges: Sequence[Range]) -> Floats:
    """Fractions (..., k) of k ranges to values."""
    low, high = _ends(ranges)
    values: Floats = low + fractions * (high - low)
    return values


def fractions_from(
    values: npt.ArrayLike, ranges: Sequence[Range], names: Sequence[str], *, clip: bool
) -> Floats:
    """Values (..., k) of k ranges to fractions.

    Values outside their range are cut to it with `clip`, and a ValueError that names them without.
    Values that are not finite are an error either way.
    """
    given = np.asarray(values, np.float64)
    low, high = _ends(ranges)
    slack = (high - low) * 1e-9  # of float64 on the way there
    outside = (given < low - slack) | (given > high + slack)
    refused = ~np.isfinite(given) if clip else ~np.isfinite(given) | outside
    if refused.any():
        index = tuple(int(part) for part in np.argwhere(refused)[0])
        ends = ranges[index[-1]]
        where = f" of item {index[0]}" if given.ndim > 1 else ""
        raise ValueError(
            f"{names[index[-1]]}{where} is {given[index]:g}, tokens cover {ends.low:g} to "
            f"{ends.high:g}; leave it out, clip it, or widen the codec's range"
        )
    fractions: Floats = np.clip((given - low) / (high - low), 0.0, 1.0)
    return fractions


def _ends(ranges: Sequence[Range]) -> tuple[Floats, Floats]:
    low, high = np.array(ranges, np.float64).T
    return low, high
