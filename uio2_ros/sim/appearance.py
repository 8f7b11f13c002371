"""Colours as RGB and the patterns of surfaces as pixels. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.spec import Colour, SurfaceSpec

Rgb = tuple[float, float, float]

RGB: Mapping[Colour, Rgb] = MappingProxyType(
    {
        Colour.RED: (0.80, 0.06, 0.06),
        Colour.ORANGE: (0.95, 0.42, 0.04),
        Colour.YELLOW: (0.95, 0.82, 0.08),
        Colour.GREEN: (0.10, 0.52, 0.14),
        Colour.BLUE: (0.08, 0.22, 0.78),
        Colour.PURPLE: (0.40, 0.10, 0.58),
        Colour.PINK: (0.96, 0.50, 0.68),
        Colour.WHITE: (0.93, 0.93, 0.93),
    }
)

TEXTURE_SIZE = 256
SHADES = 256


def texture(surface: SurfaceSpec) -> npt.NDArray[np.uint8]:
    """The pattern, (256, 256, 3) RGB; it tiles. Raises ValueError for a pattern nobody draws."""
    if surface.pattern not in _PATTERNS:
        known = ", ".join(_PATTERNS)
        raise ValueError(
            f"no surface pattern is called {surface.pattern!r}; expected one of {known}"
        )
    mix = np.linspace(0, 1, SHADES)[:, None]
    light, dark = np.asarray(surface.light_rgb), np.asarray(surface.dark_rgb)
    palette = np.round(255 * np.clip(light * (1 - mix) + dark * mix, 0, 1)).astype(np.uint8)
    pixels: npt.NDArray[np.uint8] = palette[_shades(surface.pattern, surface.seed)]
    return pixels


@lru_cache(maxsize=64)
def _shades(pattern: str, seed: int) -> npt.NDArray[np.intp]:
    """From light to dark in SHADES steps, (256, 256)."""
    mix = _PATTERNS[pattern](np.random.default_rng(seed))
    return np.round(mix * (SHADES - 1)).astype(np.intp)


def _wood(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Planks with grain along the columns: (256, 256) in [0, 1]."""
    grain = _smooth_noise(rng, rows=4, columns=64)
    knots = _smooth_noise(rng, rows=8, columns=8)
    planks = np.repeat(rng.uniform(0, 0.35, 4), TEXTURE_SIZE // 4)[None, :]
    seams = (np.arange(TEXTURE_SIZE) % (TEXTURE_SIZE // 4) < 2)[None, :] * 0.5
    return np.clip(0.4 * grain + 0.2 * knots + planks + seams, 0, 1)


def _speckle(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 0.6 * _smooth_noise(rng, 128, 128) ** 2 + 0.3 * _smooth_noise(rng, 16, 16)


def _checker(_rng: np.random.Generator) -> npt.NDArray[np.float64]:
    tile = np.arange(TEXTURE_SIZE) // (TEXTURE_SIZE // 4)
    return ((tile[:, None] + tile[None, :]) % 2).astype(np.float64)


def _plain(_rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Noise of `rows` x `columns` periods in the picture, in [0, 1], without seams."""
    coarse = rng.uniform(0, 1, (rows, columns))
    along_rows = _stretch(coarse, axis=0)
    return _stretch(along_rows, axis=1)


def _stretch(values: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    count = values.shape[axis]
    at = np.arange(TEXTURE_SIZE) * count / TEXTURE_SIZE
    lower = at.astype(int)
    shape = [1, 1]
    shape[axis] = -1
    blend = (at - lower).reshape(shape)
    below = np.take(values, lower, axis=axis)
    above = np.take(values, (lower + 1) % count, axis=axis)
    stretched: npt.NDArray[np.float64] = below * (1 - blend) + above * blend
    return stretched


_PATTERNS = {"wood": _wood, "speckle": _speckle, "checker": _checker, "plain": _plain}
