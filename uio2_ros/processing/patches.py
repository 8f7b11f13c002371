"""Pictures and spectrograms cut to square patches. numpy only."""

from __future__ import annotations

import numpy as np

from uio2_ros.model.example import Bools, Floats, PatchInput


def to_patches(
    values: Floats, mask: Bools, patch: int, samples: int, rng: np.random.Generator
) -> PatchInput:
    """Square patches in row-major order, each flattened as (row, column, channel).

    values: (H, W, C); mask: (H, W), read at the middle of each patch. With fewer samples than
    patches, patches are drawn at random, those that show something first.
    """
    height, width, channels = values.shape
    rows, columns = height // patch, width // patch
    grid = values.reshape(rows, patch, columns, patch, channels).swapaxes(1, 2)
    patches = grid.reshape(rows * columns, patch * patch * channels)  # (P, patch_dim)
    middle = slice(patch // 2, None, patch)
    whole = PatchInput(
        patches, mask[middle, middle].reshape(-1), np.arange(rows * columns, dtype=np.int32)
    )
    return whole if samples >= rows * columns else _drawn(whole, samples, rng)


def _drawn(whole: PatchInput, samples: int, rng: np.random.Generator) -> PatchInput:
    real, padding = np.flatnonzero(whole.mask), np.flatnonzero(~whole.mask)
    order = np.concatenate([rng.permutation(real), rng.permutation(padding)])[:samples]
    return PatchInput(whole.patches[order], whole.mask[order], whole.positions[order])
