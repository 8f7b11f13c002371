"""Metrics of reconstruction on inputs whose scores are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from uio2_ros.evaluation.reconstruction_metrics import (
    code_use,
    mel_distance_db,
    psnr_db,
    spectral_convergence,
    ssim,
)

PICTURE = np.random.default_rng(0).random((40, 60, 3)).astype(np.float32)


def test_psnr_is_that_of_the_mean_square() -> None:
    assert psnr_db(PICTURE, PICTURE) == math.inf
    assert psnr_db(np.zeros((4, 4, 3)), np.full((4, 4, 3), 0.1)) == pytest.approx(20)


def test_equal_pictures_are_alike_and_noise_is_not() -> None:
    assert ssim(PICTURE, PICTURE) == pytest.approx(1)
    assert ssim(PICTURE, 1 - PICTURE) < -0.9
    noisy = np.clip(PICTURE + np.random.default_rng(1).normal(0, 0.2, PICTURE.shape), 0, 1)
    assert 0.3 < ssim(PICTURE, noisy) < 0.9


def test_the_similarity_of_flat_pictures_is_that_of_their_light() -> None:
    dark, light = np.full((20, 20, 1), 0.2), np.full((20, 20, 1), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(dark, light) == pytest.approx(expected)


def test_a_power_ten_times_as_large_is_ten_decibels_away() -> None:
    one = np.zeros((128, 256))
    assert mel_distance_db(one, one + math.log(10)) == pytest.approx(10)


def test_spectra_converge_to_nothing_where_they_are_equal_and_to_one_for_silence() -> None:
    true = np.log(np.random.default_rng(2).random((128, 256)) + 0.1)
    assert spectral_convergence(true, true) == 0
    assert spectral_convergence(np.full_like(true, -60.0), true) == pytest.approx(1)
    assert spectral_convergence(true + 2 * math.log(2), true) == pytest.approx(1)


def test_codes_are_counted_over_all() -> None:
    use = code_use([np.array([0, 1]), np.array([2, 3])], 16)
    assert (use.used, use.perplexity) == (0.25, pytest.approx(4))
    assert code_use([np.zeros(9, np.int64)], 16).perplexity == pytest.approx(1)
