"""Samples of the simulator's sounds without its pictures: many mixtures, each of one segment.

In an episode little sounds, and much of it alike. Here sounds of any kind begin at any time, faster
or slower, loud or faint, over the noise that a microphone has, or over none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import Sample
from uio2_ros.data.simulated_tasks import SEGMENT_S, Generator, ScenarioSound, listened
from uio2_ros.robot.observation import Observation
from uio2_ros.sim.sounds import RATE_HZ, SOUNDS, Samples, clip
from uio2_ros.sim.splits import Split, generator

MOST_SOUNDS = 4
SPEED = 0.8, 1.25
LEVEL_DB = -24.0, 0.0
NOISE_DB = -75.0, -35.0
NOISELESS = 0.2
"""Of the mixtures, how many are over digital silence, as an episode's are."""
RINGING = 0.3
"""Of the sounds, how many go on again and again to the end."""


@dataclass(frozen=True)
class SoundShards:
    """Shards of so many mixtures each; seed is that of the first."""

    split: Split
    mixtures: int
    seed: int = 0

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's mixtures."""
        first = self.seed + shard * self.mixtures
        return (sample_of_mixture(first + number, self.split) for number in range(self.mixtures))


def sample_of_mixture(seed: int, split: Split) -> Sample:
    """One mixture, to be described and to be made. Equal arguments give equal samples."""
    rng = generator("sounds", seed, split)
    mix = np.zeros(round(SEGMENT_S * RATE_HZ), np.float32)
    begun = sorted(rng.uniform(0, 0.8, int(rng.integers(1, MOST_SOUNDS + 1))).tolist())
    names = [_add(mix, round(part * len(mix)), rng) for part in begun]
    if rng.uniform() >= NOISELESS:
        mix += _noise(len(mix), rng)
    heard: Samples = np.clip(mix, -1, 1)
    words = ", then ".join(dict.fromkeys(SOUNDS[name].words for name in names))
    said = f"{words[0].upper()}{words[1:]}."
    return Sample(
        key=f"sound_{seed:07d}",
        observation=Observation(audio=heard, audio_rate=RATE_HZ),
        tasks=listened(ScenarioSound(said, said, heard)),
        meta={"seed": str(seed), "split": split.value},
    )


def _add(mix: npt.NDArray[np.float32], start: int, rng: Generator) -> str:
    """Add a random sound from a sample on; its name."""
    name = str(rng.choice(list(SOUNDS)))
    sound = clip(name)
    at = np.arange(0, len(sound) - 1, rng.uniform(*SPEED))
    played = np.interp(at, np.arange(len(sound)), sound) * _amplitude(LEVEL_DB, rng)
    wanted = len(mix) - start if rng.uniform() < RINGING else min(len(played), len(mix) - start)
    mix[start : start + wanted] += np.resize(played, wanted)
    return name


def _noise(samples: int, rng: Generator) -> npt.NDArray[np.float64]:
    """White noise, or noise that falls with the frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0, 0.5)
    noise = np.fft.irfft(spectrum, samples)
    scaled: npt.NDArray[np.float64] = noise / noise.std() * _amplitude(NOISE_DB, rng)
    return scaled


def _amplitude(decibels: tuple[float, float], rng: Generator) -> float:
    return float(10 ** (rng.uniform(*decibels) / 20))
