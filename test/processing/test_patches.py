"""Canvases cut to patches."""

from __future__ import annotations

import numpy as np

from uio2_ros.processing.patches import to_patches


def test_patches_are_row_major_and_flattened_row_column_channel(rng: np.random.Generator) -> None:
    values = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    cut = to_patches(values, np.ones((4, 6), bool), 2, 6, rng)
    assert cut.patches.shape == (6, 12)
    np.testing.assert_array_equal(cut.patches[4], values[2:4, 2:4].reshape(-1))
    np.testing.assert_array_equal(cut.positions, range(6))


def test_the_mask_is_read_in_the_middle_of_each_patch(rng: np.random.Generator) -> None:
    mask = np.zeros((32, 32), bool)
    mask[8, 8] = mask[24, 23] = True
    cut = to_patches(np.zeros((32, 32, 1), np.float32), mask, 16, 4, rng)
    np.testing.assert_array_equal(cut.mask, [True, False, False, False])


def test_fewer_samples_draw_real_patches_first(rng: np.random.Generator) -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    mask = values[..., 0] % 2 == 1
    drawn = [to_patches(values, mask, 1, 6, rng) for _ in range(5)]
    for cut in drawn:
        assert cut.mask.all()
        assert len(set(cut.positions)) == 6
        np.testing.assert_array_equal(cut.patches[:, 0], cut.positions)
    assert len({tuple(cut.positions) for cut in drawn}) > 1


def test_padding_fills_up_where_real_patches_run_out(rng: np.random.Generator) -> None:
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    cut = to_patches(np.zeros((4, 4, 1), np.float32), mask, 1, 6, rng)
    np.testing.assert_array_equal(cut.mask, [True] * 4 + [False] * 2)
