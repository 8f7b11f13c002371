"""Sounds: distinct, the same every time, and mixed where they overlap."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.sim.sounds import RATE_HZ, SOUND_OF_SHAPE, SOUNDS, Soundscape, clip
from uio2_ros.sim.spec import Shape


@pytest.mark.parametrize("name", list(SOUNDS))
def test_a_sound_is_mono_float32_and_neither_silent_nor_clipped(name: str) -> None:
    samples = clip(name)
    assert samples.dtype == np.float32
    assert samples.shape == (round(SOUNDS[name].length_s * RATE_HZ),)
    assert 0.3 < np.abs(samples).max() <= 0.5


def test_every_shape_has_a_sound_of_its_own() -> None:
    assert set(SOUND_OF_SHAPE) == set(Shape)
    assert len(set(SOUND_OF_SHAPE.values())) == len(Shape)


def test_sounds_differ_in_their_spectra() -> None:
    names = list(SOUND_OF_SHAPE.values())
    spectra = [np.abs(np.fft.rfft(clip(name), 2 * RATE_HZ)) for name in names]
    units = np.array([spectrum / np.linalg.norm(spectrum) for spectrum in spectra])
    likeness = units @ units.T - np.eye(len(names))
    assert likeness.max() < 0.5


def test_a_span_holds_what_sounds_in_it() -> None:
    scape = Soundscape()
    scape.play("bell", 1.0)
    bell = clip("bell")
    assert not scape.audio(0.0, 1.0).any()
    assert np.array_equal(scape.audio(1.0, 1.0 + len(bell) / RATE_HZ), bell)
    assert np.array_equal(scape.audio(1.5, 2.0), bell[RATE_HZ // 2 : RATE_HZ])
    assert scape.heard(0.0, 1.0) == ()
    assert scape.heard(1.1, 1.2) == ("bell",)


def test_sounds_at_the_same_time_add_up_and_do_not_overflow() -> None:
    scape = Soundscape()
    scape.play("bell", 0.0)
    scape.play("knock", 0.0)
    both = scape.audio(0.0, 0.5)
    half = RATE_HZ // 2
    assert both == pytest.approx(clip("bell")[:half] + clip("knock")[:half], abs=1e-6)
    for _ in range(5):
        scape.play("bell", 0.0)
    assert np.abs(scape.audio(0.0, 0.5)).max() == 1.0


def test_a_long_sound_goes_round() -> None:
    scape = Soundscape()
    scape.play("whirr", 0.0, 2.5)
    assert np.array_equal(scape.audio(0.0, 1.0), scape.audio(1.0, 2.0))
    assert not scape.audio(2.5, 3.0).any()


def test_time_before_the_start_is_silent() -> None:
    assert Soundscape().audio(-1.0, 0.0).shape == (RATE_HZ,)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot end at 1\.0 s and start at 2\.0 s"):
        Soundscape().audio(2.0, 1.0)


def test_an_unknown_sound_is_answered_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="no sound is called 'moo'; expected one of knock"):
        Soundscape().play("moo", 0.0)
