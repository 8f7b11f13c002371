"""Pictures, sounds and logit noise computed from seeds: the inputs behind the golden files.

Tests import this as `from synthetic_inputs import image, waveform, step_noise`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TAU = 2 * np.pi


def _generator(series: int, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(series + seed))


def image(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """RGB (height, width, 3): waves and a gradient, six discs, and a fine two-by-three texture."""
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    v, u = rows.astype(np.float64) / height, columns.astype(np.float64) / width
    picture = np.empty((height, width, 3))
    picture[..., 0] = 0.5 + 0.4 * np.sin(TAU * (2 * u + 0.3 * seed)) * np.cos(TAU * v)
    picture[..., 1] = 0.2 + 0.6 * v
    picture[..., 2] = 0.5 + 0.3 * np.cos(TAU * (u + 3 * v + 0.1 * seed))
    noise = _generator(1000, seed)
    for _ in range(6):
        center_u, center_v = noise.uniform(0.1, 0.9), noise.uniform(0.1, 0.9)
        radius = noise.uniform(0.03, 0.2)
        disc = (u - center_u) ** 2 + (v - center_v) ** 2 < radius * radius
        picture[disc] = noise.uniform(0, 1, 3)
    picture += 0.08 * ((columns // 2 + rows // 3) % 2)[..., None]
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def waveform(seconds: float, seed: int = 0, rate: int = 16000) -> npt.NDArray[np.float32]:
    """Mono samples (round(seconds * rate),): a rising tone, a bell every 1.3 s and faint noise."""
    samples = round(seconds * rate)
    time_s = np.arange(samples) / rate
    tone = 0.4 * np.sin(TAU * (200 + 40 * seed + 90 * time_s) * time_s)
    bell = 0.4 * (np.exp(-3 * (time_s % 1.3)) * np.sin(TAU * 1320 * time_s))
    hiss = 0.01 * _generator(2000, seed).standard_normal(samples)
    return (tone + bell + hiss).astype(np.float32)


def step_noise(step: int, vocab: int, scale: float = 0.5) -> npt.NDArray[np.float32]:
    """What to add to the (vocab,) logits of generation step `step`, 0 for the first new token.

    Untrained weights repeat themselves; this makes the sequence vary and depend on every logit.
    Start and end (ids 0 and 1) are ruled out.
    """
    noise = _generator(3000, step).standard_normal(vocab) * scale
    noise[:2] = -1e4
    return noise.astype(np.float32)
