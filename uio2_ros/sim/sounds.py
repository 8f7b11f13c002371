"""Sounds by name, synthesised: mono float32 at 16 kHz in [-1, 1]. numpy only.

Objects sound by their shape and the robot by what it does, so that what was heard tells what
happened even where it was not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.spec import Shape

RATE_HZ = 16000
Samples = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]
Wave = Callable[[Seconds], npt.NDArray[np.float64]]  # times to amplitudes


@dataclass(frozen=True)
class SoundEffect:
    """A sound: its name, what people call it, and its making: seconds -> amplitudes."""

    name: str
    words: str
    length_s: float
    wave: Wave


def clip(name: str) -> Samples:
    """The samples of a sound. Raises KeyError, with the names there are, for any other."""
    if name not in SOUNDS:
        raise KeyError(f"no sound is called {name!r}; expected one of {', '.join(SOUNDS)}")
    return _samples(name)


@cache
def _samples(name: str) -> Samples:
    sound = SOUNDS[name]
    at_s = np.arange(round(sound.length_s * RATE_HZ)) / RATE_HZ
    wave = sound.wave(at_s)
    wave = 0.5 * wave / np.abs(wave).max()
    fade = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / 0.004)
    samples: Samples = (wave * fade).astype(np.float32)
    samples.flags.writeable = False
    return samples


def _struck(
    partials: tuple[tuple[float, float, float], ...],
) -> Wave:
    """Something struck at 0 s: partials of (Hz, strength, seconds to fade to 1/e)."""

    def wave(at_s: Seconds) -> npt.NDArray[np.float64]:
        total = np.zeros_like(at_s)
        for hertz, strength, fading in partials:
            total += strength * np.exp(-at_s / fading) * np.sin(2 * np.pi * hertz * at_s)
        return total

    return wave


def _repeated(wave: Wave, period_s: float) -> Wave:
    return lambda at_s: wave(at_s % period_s)


def _beeps(hertz: tuple[float, ...], each_s: float) -> Wave:
    """Tones one after the other, with silence between them, again and again."""

    def wave(at_s: Seconds) -> npt.NDArray[np.float64]:
        tone = np.asarray(hertz)[(at_s // each_s).astype(int) % len(hertz)]
        sounding = (at_s % each_s) < 0.7 * each_s
        return np.where(sounding, np.sin(2 * np.pi * tone * at_s), 0.0)

    return wave


def _noise(low_hz: float, high_hz: float, seed: int) -> Wave:
    """Noise of a band, the same every time."""

    def wave(at_s: Seconds) -> npt.NDArray[np.float64]:
        spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(at_s)))
        hertz = np.fft.rfftfreq(len(at_s), 1 / RATE_HZ)
        spectrum[(hertz < low_hz) | (hertz > high_hz)] = 0
        return np.fft.irfft(spectrum, len(at_s))

    return wave


def _whirr(hertz: float, seed: int) -> Wave:
    """A motor: harmonics with a flutter, and some noise."""
    hiss = _noise(300, 3000, seed)

    def wave(at_s: Seconds) -> npt.NDArray[np.float64]:
        total = 2.0 * hiss(at_s)
        flutter = 1 + 0.3 * np.sin(2 * np.pi * 17 * at_s)
        for harmonic in (1, 2, 3, 5):
            total += flutter * np.sin(2 * np.pi * hertz * harmonic * at_s) / harmonic
        return total

    return wave


def _sweep(low_hz: float, high_hz: float) -> Wave:
    """A whistle that goes up and down twice a second."""

    def wave(at_s: Seconds) -> npt.NDArray[np.float64]:
        middle, reach, turns_hz = (low_hz + high_hz) / 2, (high_hz - low_hz) / 2, 2.0
        phase = 2 * np.pi * middle * at_s - reach / turns_hz * np.cos(2 * np.pi * turns_hz * at_s)
        return np.sin(phase)

    return wave


_KNOCK = _struck(((180, 1.0, 0.03), (420, 0.7, 0.02), (910, 0.3, 0.01)))
_BELL = _struck(((660, 1.0, 0.6), (1320, 0.6, 0.4), (1990, 0.5, 0.3), (3320, 0.2, 0.15)))
_GONG = _struck(((140, 1.0, 0.8), (213, 0.8, 0.6), (307, 0.6, 0.5), (451, 0.3, 0.3)))
_CLINK = _struck(((2700, 1.0, 0.05), (4300, 0.7, 0.04), (6100, 0.4, 0.03)))
_CHIME = _struck(((1568, 1.0, 0.5), (3140, 0.4, 0.3), (4710, 0.2, 0.2)))
_PLATE = _struck(((900, 1.0, 0.08), (1340, 0.9, 0.06), (2210, 0.7, 0.05)))

SOUNDS: Mapping[str, SoundEffect] = MappingProxyType(
    {
        sound.name: sound
        for sound in (
            SoundEffect("knock", "wooden knocking", 1.0, _repeated(_KNOCK, 0.33)),
            SoundEffect("beeps", "an electronic beep pattern", 1.0, _beeps((880, 1175, 880), 0.11)),
            SoundEffect("bell", "a bell ringing", 1.2, _BELL),
            SoundEffect("clink", "the clinking of a cup", 1.0, _repeated(_CLINK, 0.25)),
            SoundEffect("gong", "a deep gong", 1.2, _GONG),
            SoundEffect("clatter", "a plate clattering", 1.0, _repeated(_PLATE, 0.14)),
            SoundEffect("rattle", "a tray rattling", 1.0, _repeated(_noise(800, 5000, 3), 1.0)),
            SoundEffect("chime", "a high chime", 1.2, _CHIME),
            SoundEffect("whistle", "a whistle going up and down", 1.0, _sweep(700, 1500)),
            SoundEffect("whirr", "a robot arm whirring", 1.0, _whirr(110, 5)),
            SoundEffect("suction", "the hiss of suction", 0.3, _noise(2000, 7500, 7)),
            SoundEffect("release", "a pop", 0.15, _struck(((320, 1.0, 0.02), (150, 1.0, 0.03)))),
            SoundEffect("scrape", "scraping over a table", 1.0, _noise(400, 1800, 11)),
            SoundEffect("drive", "wheels driving", 1.0, _whirr(70, 13)),
            SoundEffect("turn", "wheels turning on the spot", 1.0, _whirr(95, 17)),
            SoundEffect("stop", "a short beep", 0.25, _beeps((1000,), 0.25)),
        )
    }
)

SOUND_OF_SHAPE: Mapping[Shape, str] = MappingProxyType(
    {
        Shape.CUBE: "knock",
        Shape.CYLINDER: "beeps",
        Shape.BALL: "bell",
        Shape.MUG: "clink",
        Shape.BOWL: "gong",
        Shape.PLATE: "clatter",
        Shape.TRAY: "rattle",
        Shape.RING: "chime",
        Shape.BOTTLE: "whistle",
    }
)


@dataclass(frozen=True)
class PlayedSound:
    """A sound at a time: `start_s` on the scene's clock, for `length_s`."""

    sound: str
    start_s: float
    length_s: float

    def overlaps(self, start_s: float, end_s: float) -> bool:
        return self.start_s < end_s and start_s < self.start_s + self.length_s


class Soundscape:
    """Everything that sounded since the start, and what it sounds like together."""

    def __init__(self) -> None:
        self._played: list[PlayedSound] = []

    @property
    def played(self) -> tuple[PlayedSound, ...]:
        """In the order in which they were played."""
        return tuple(self._played)

    def play(self, name: str, start_s: float, length_s: float | None = None) -> PlayedSound:
        """Let a sound sound, once, or again and again for `length_s`."""
        natural = len(clip(name)) / RATE_HZ
        played = PlayedSound(name, start_s, natural if length_s is None else length_s)
        self._played.append(played)
        return played

    def end(self, played: PlayedSound, end_s: float) -> PlayedSound:
        """Let a sound that is playing end at another time than was thought."""
        index = next(i for i, other in enumerate(self._played) if other is played)
        self._played[index] = ended = replace(played, length_s=end_s - played.start_s)
        return ended

    def heard(self, start_s: float, end_s: float) -> tuple[str, ...]:
        """Names of the sounds in a span of time, each once, in order."""
        names = [played.sound for played in self._played if played.overlaps(start_s, end_s)]
        return tuple(dict.fromkeys(names))

    def audio(self, start_s: float, end_s: float) -> Samples:
        """The sound of a span of time, clipped to [-1, 1]; silence where nothing sounds."""
        if end_s < start_s:
            raise ValueError(f"a span of time cannot end at {end_s} s and start at {start_s} s")
        first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        mix = np.zeros(last - first, np.float32)
        for played in self._played:
            if played.overlaps(start_s, end_s):
                _add(mix, played, first)
        return np.clip(mix, -1.0, 1.0)


def _add(mix: Samples, played: PlayedSound, first: int) -> None:
    start = round(played.start_s * RATE_HZ) - first
    stop = start + round(played.length_s * RATE_HZ)
    samples = clip(played.sound)
    here = np.arange(max(start, 0), min(stop, len(mix)))
    mix[here] += samples[(here - start) % len(samples)]
