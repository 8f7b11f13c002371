"""Samples of any type and number of channels as mono float32. Imports numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError


def to_mono(samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(n,) in [-1, 1] of (n,) or (n, channels) integers of 8 to 32 bits or floats in [-1, 1].

    InvalidInputError for other shapes and types, and for samples that are NaN or infinite.
    """
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] == 0):
        raise InvalidInputError(
            f"samples have shape {samples.shape}; expected (n,) or (n, channels)"
        )
    kind, width = samples.dtype.kind, samples.dtype.itemsize
    if kind != "f" and (kind, width) not in (("u", 1), ("i", 1), ("i", 2), ("i", 4)):
        raise InvalidInputError(
            f"samples are of type {samples.dtype}; expected int8, uint8, int16, int32 or floating"
        )
    with np.errstate(over="ignore"):  # found below
        floats = samples.astype(np.float32)
    bad = np.count_nonzero(~np.isfinite(floats))
    if bad:
        raise InvalidInputError(
            f"{bad} of {samples.size} samples are NaN or infinite; expected values in [-1, 1]"
        )
    mixed: npt.NDArray[np.float32] = floats if floats.ndim == 1 else floats.mean(axis=1)
    if kind == "f":
        return mixed
    scaled: npt.NDArray[np.float32] = mixed / np.float32(2 ** (8 * width - 1))
    return scaled - np.float32(1) if kind == "u" else scaled
