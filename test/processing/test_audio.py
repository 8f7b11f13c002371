"""Sound to mel segments and patches, against the golden numbers and with bad input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from synthetic_inputs import waveform

from uio2_ros.processing import ProcessingConfig
from uio2_ros.processing.audio import (
    checked_mels,
    count_segments,
    cut_segments,
    mel_spectrogram,
    read_sound,
    segment_input,
    segment_target,
)
from uio2_ros.processing.config import SpectrogramSettings
from uio2_ros.robot.errors import InvalidInputError

SECONDS = ["1.0", "4.08", "6.2", "12.5"]


@pytest.fixture(scope="module")
def audio(settings: ProcessingConfig) -> SpectrogramSettings:
    return settings.audio


@pytest.mark.parametrize("seed", range(len(SECONDS)), ids=str)
def test_golden_sounds(
    seed: int,
    audio: SpectrogramSettings,
    golden: Callable[[str], Any],
    rng: np.random.Generator,
) -> None:
    arrays, name = golden("audio_preprocess.npz"), SECONDS[seed]
    mels = mel_spectrogram(cut_segments(waveform(float(name), seed), audio), audio)
    assert mels.shape == (arrays[f"segments_{name}"], 128, 256)
    np.testing.assert_allclose(mels[:, ::3, ::3], arrays[f"mel_{name}"], rtol=2e-5, atol=1e-4)
    newest = segment_input(mels[-1], audio.input_samples, audio, rng)
    np.testing.assert_allclose(newest.patches[::7], arrays[f"patches_{name}"], atol=1e-4)
    np.testing.assert_array_equal(newest.mask, arrays[f"mask_{name}"])
    for index, mel in enumerate(mels[:-1]):
        past = segment_input(mel, audio.history_samples, audio, rng)
        expected = arrays[f"history_patches_{name}"][index]
        np.testing.assert_allclose(past.patches[::31], expected, atol=1e-4)
        np.testing.assert_array_equal(past.mask, arrays[f"history_mask_{name}"][index])


@pytest.mark.parametrize(
    ("samples", "segments"),
    [(1, 1), (65280, 1), (65280 + 34240, 1), (65280 + 34241, 2), (3 * 65280, 3)],
)
def test_a_rest_counts_when_well_over_half_a_segment(
    samples: int, segments: int, audio: SpectrogramSettings
) -> None:
    assert count_segments(samples, audio) == segments


@bounded(deadline=None)
@given(st.integers(1, 400_000))
def test_segments_start_with_the_sound(samples: int) -> None:
    settings = SpectrogramSettings(256, 128, 16, 128, 128)
    sound = np.arange(1, samples + 1, dtype=np.float32)
    flat = cut_segments(sound, settings).reshape(-1)
    kept = min(samples, flat.size)
    np.testing.assert_array_equal(flat[:kept], sound[:kept])
    assert not flat[kept:].any()


def test_digital_silence_is_masked(audio: SpectrogramSettings, rng: np.random.Generator) -> None:
    mel = mel_spectrogram(np.zeros((1, audio.segment_samples), np.float32), audio)[0]
    silent = segment_input(mel, audio.input_samples, audio, rng)
    assert not silent.mask.any()
    assert np.isfinite(silent.patches).all()


def test_a_target_is_normalised_as_the_sound_tokenizer_expects(
    audio: SpectrogramSettings,
) -> None:
    mel = np.full((128, 256), 2.0, np.float32)
    mel[:, 200:] = 0
    values, mask = segment_target(mel, audio)
    assert values.shape == mask.shape == (256, 128)
    np.testing.assert_allclose(values[:200], (np.log(2) + 5.0945) / 3.8312, rtol=1e-5)
    np.testing.assert_array_equal(mask[:, 0], np.arange(256) < 200)


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_other_rates_are_resampled(rate_hz: int, audio: SpectrogramSettings) -> None:
    tone = [np.sin(2 * np.pi * 440 * np.arange(rate) / rate) for rate in (rate_hz, 16000)]
    sound = read_sound(tone[0].astype(np.float32), rate_hz, audio)
    assert sound.shape == (16000,)
    np.testing.assert_allclose(sound[1000:-1000], tone[1][1000:-1000], atol=1e-3)


def test_a_stereo_file_is_mixed_and_resampled(tmp_path: Path, audio: SpectrogramSettings) -> None:
    path = tmp_path / "speech.wav"
    left = waveform(1.0, 3, rate=44100) / 2
    soundfile.write(path, np.stack([left, np.zeros_like(left)], axis=1), 44100, "PCM_16")
    sound = read_sound(path, None, audio)
    assert sound.dtype == np.float32
    assert sound.shape == (16000,)
    assert np.abs(sound).max() == pytest.approx(np.abs(left).max() / 2, rel=0.1)


def test_a_missing_sound_file_is_named(tmp_path: Path, audio: SpectrogramSettings) -> None:
    with pytest.raises(InvalidInputError, match=r"nowhere\.wav: no such file"):
        read_sound(tmp_path / "nowhere.wav", None, audio)


def test_a_file_that_is_no_sound_is_refused(tmp_path: Path, audio: SpectrogramSettings) -> None:
    pytest.importorskip("av")
    path = tmp_path / "speech.wav"
    path.write_bytes(b"no sound at all")
    with pytest.raises(InvalidInputError, match="not a sound or video file"):
        read_sound(path, None, audio)


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
        (np.array([0.0, np.inf]), "infinite"),
        (np.zeros(100, np.int16), "int16"),
        (np.zeros((100, 2), np.float32), "mono"),
        ([0.0, 1.0], "list"),
    ],
)
def test_what_is_no_sound_is_refused(samples: Any, why: str, audio: SpectrogramSettings) -> None:
    with pytest.raises(InvalidInputError, match=why):
        read_sound(samples, None, audio)


def test_a_rate_of_zero_is_refused(audio: SpectrogramSettings) -> None:
    with pytest.raises(InvalidInputError, match="rate must be positive"):
        read_sound(waveform(0.1), 0, audio)


@pytest.mark.parametrize(
    ("mels", "why"),
    [
        (np.zeros((0, 128, 256), np.float32), "shape"),
        (np.zeros((1, 256, 128), np.float32), "shape"),
        (np.full((1, 128, 256), np.nan, np.float32), "finite"),
        (np.full((1, 128, 256), -4.0, np.float32), "not log"),
        (np.zeros((1, 128, 256), np.int32), "finite"),
    ],
)
def test_what_are_no_mel_segments_is_refused(
    mels: Any, why: str, audio: SpectrogramSettings
) -> None:
    with pytest.raises(InvalidInputError, match=why):
        checked_mels(mels, audio)


def test_segments_that_do_not_fill_the_spectrogram_are_refused(
    audio: SpectrogramSettings,
) -> None:
    with pytest.raises(ValueError, match="spectrogram frames"):
        dataclasses.replace(audio, segment_s=2.0)
