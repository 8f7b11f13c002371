"""How like the original a picture or sound is that was drawn from codes. numpy and scipy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Floats = npt.NDArray[np.floating]
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5
"""Wang et al. 2004: a Gaussian window of 11 pixels."""
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
DECIBELS = 10 / math.log(10)
"""Of a natural logarithm of power."""


def psnr_db(one: Floats, other: Floats) -> float:
    """Peak signal-to-noise ratio of pictures in [0, 1]; infinite for equal ones."""
    error = float(np.mean(np.square(one - other, dtype=np.float64)))
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(one: Floats, other: Floats) -> float:
    """Structural similarity (Wang et al. 2004) of pictures (H, W, C) in [0, 1]; 1 for equal ones.

    The mean over channels and over pixels whose window lies inside.
    """
    x, y = one.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    spread_x = _windowed(x * x) - mean_x**2
    spread_y = _windowed(y * y) - mean_y**2
    shared = _windowed(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * shared + SSIM_C2) / (spread_x + spread_y + SSIM_C2)
    inside = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return float((light * structure)[inside, inside].mean())


def _windowed(picture: Floats) -> Floats:
    smooth: Floats = gaussian_filter(picture, (SSIM_SIGMA, SSIM_SIGMA, 0), radius=SSIM_RADIUS)
    return smooth


def mel_distance_db(one: Floats, other: Floats) -> float:
    """Mean absolute difference of natural logarithms of mel powers, in decibels."""
    return float(DECIBELS * np.abs(one - other).mean())


def spectral_convergence(drawn: Floats, truth: Floats) -> float:
    """Norm of the difference of mel magnitudes over that of the true ones (Arik et al. 2018).

    Both are natural logarithms of mel powers; 0 for equal ones, 1 for silence.
    """
    magnitudes = [np.exp(np.asarray(one, np.float64) / 2) for one in (drawn, truth)]
    return float(np.linalg.norm(magnitudes[0] - magnitudes[1]) / np.linalg.norm(magnitudes[1]))


@dataclass(frozen=True)
class CodeUse:
    """Of a set of pictures or sounds: the share of all codes that any has, and their perplexity.

    The perplexity is how many codes, each as frequent, would be as uncertain.
    """

    used: float
    perplexity: float


def code_use(codes: Sequence[npt.NDArray[np.integer]], codebook: int) -> CodeUse:
    """Of the codes (T,) of each picture or sound."""
    counts = np.bincount(np.concatenate(codes), minlength=codebook)
    shares = counts[counts > 0] / counts.sum()
    return CodeUse(len(shares) / codebook, float(np.exp(-(shares * np.log(shares)).sum())))
