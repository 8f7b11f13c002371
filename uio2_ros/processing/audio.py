"""Sound to log-mel segments and their patches (model.md section 2)."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from uio2_ros.media.sounds import read_sound_file, read_sound_track
from uio2_ros.model.example import Floats, PatchInput
from uio2_ros.processing.config import SpectrogramSettings
from uio2_ros.processing.patches import to_patches
from uio2_ros.robot.errors import InvalidInputError

Samples = npt.NDArray[np.floating]  # (n,) mono in [-1, 1], or mel segments (N, mels, frames)


def read_sound(
    source: Samples | str | os.PathLike[str],
    rate_hz: int | None,
    settings: SpectrogramSettings,
    name: str = "audio",
) -> Floats:
    """Mono samples at the model's rate, from mono float samples or a sound file.

    rate_hz is that of the samples (None: already the model's; a file knows its own). Raises
    InvalidInputError for anything else; `name` is what errors call the sound.
    """
    if isinstance(source, (str, os.PathLike)):
        samples, rate_hz = _read_file(Path(source).expanduser(), name)
    else:
        samples = _checked(source, name)
    return resample(samples, settings.rate_hz if rate_hz is None else rate_hz, settings.rate_hz)


def _checked(samples: npt.NDArray[np.floating], name: str) -> Floats:
    if not isinstance(samples, np.ndarray) or samples.ndim != 1:
        shape = getattr(samples, "shape", type(samples).__name__)
        raise InvalidInputError(
            f"{name} must be mono samples (n,), mel segments (N, mels, frames) or a path, "
            f"got {shape}"
        )
    if not np.issubdtype(samples.dtype, np.floating):
        raise InvalidInputError(
            f"{name} must be floating point in [-1, 1], got {samples.dtype}; divide integers by "
            "their full scale"
        )
    if samples.size == 0:
        raise InvalidInputError(f"{name} is empty; leave it out where there is no sound")
    if not np.isfinite(samples).all():
        raise InvalidInputError(f"{name} holds NaN or infinite samples")
    return samples.astype(np.float32, copy=False)


def _read_file(path: Path, name: str) -> tuple[Floats, int]:
    """Mono samples and their rate, by libsndfile or, for containers it lacks, PyAV."""
    if not path.is_file():
        raise InvalidInputError(f"cannot read the {name} file {path}: no such file")
    track = read_sound_file(path)
    if track is None:
        raise InvalidInputError(f"the {name} file {path} has no sound track")
    return _checked(track.samples.mean(axis=1), name), track.rate_hz


def read_sound_of_video(
    path: str | os.PathLike[str], settings: SpectrogramSettings, from_s: float = 0.0
) -> Floats | None:
    """Mono samples of a video file at the model's rate; None where it is silent film.

    The first is that of the moment `from_s` by the file's clock, at which its pictures begin.
    """
    track = read_sound_track(Path(path).expanduser(), from_s)
    if track is None:
        return None
    samples = _checked(track.samples.mean(axis=1), f"the sound of {path}")
    return resample(samples, track.rate_hz, settings.rate_hz)


def resample(samples: Floats, rate_hz: int, target_hz: int) -> Floats:
    """Mono samples (n,) at another rate."""
    if rate_hz <= 0:
        raise InvalidInputError(f"the audio rate must be positive, got {rate_hz} Hz")
    if rate_hz == target_hz:
        return samples
    resampled: Floats = soxr.resample(samples, rate_hz, target_hz)
    return resampled.astype(np.float32, copy=False)


def count_segments(samples: int, settings: SpectrogramSettings) -> int:
    """Whole segments, one more for a rest of more than half a segment, at least one."""
    whole, rest = divmod(samples, settings.segment_samples)
    slack = settings.rest_tolerance_s * settings.rate_hz
    return max(1, whole + (rest - slack > settings.segment_samples / 2))


def cut_segments(samples: Floats, settings: SpectrogramSettings) -> Floats:
    """(N, segment_samples) from the start of the sound, the last padded with zeros."""
    count = count_segments(samples.size, settings)
    cut = np.zeros(count * settings.segment_samples, np.float32)
    kept = samples[: cut.size]
    cut[: kept.size] = kept
    return cut.reshape(count, settings.segment_samples)


def segments_until_now(samples: Floats, most: int, settings: SpectrogramSettings) -> Floats:
    """Up to `most` segments (N, segment_samples) of a sound that goes on: the newest is its end.

    Those before are cut from its start, so that each is the same when more has been heard. They
    begin before the newest by more than the tolerance of a rest; the last of them overlaps it
    wherever the sound is no whole number of segments. A sound of one segment is padded with zeros.
    """
    length = settings.segment_samples
    begins = samples.size - length
    if begins <= 0:
        return cut_segments(samples, settings)
    alone = begins - round(settings.rest_tolerance_s * settings.rate_hz)
    older = max(0, -(-alone // length))
    first = max(0, older - (most - 1))
    closed = samples[first * length : older * length].reshape(-1, length)
    return np.concatenate([closed, samples[None, begins:]])


def mel_spectrogram(segments: Floats, settings: SpectrogramSettings) -> Floats:
    """Mel power spectrograms (N, mels, frames) of segments (N, samples)."""
    margin = settings.fft_samples // 2
    padded = np.pad(segments, ((0, 0), (margin, margin)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.fft_samples, axis=1)
    windowed = windows[:, :: settings.hop_samples] * _window(
        settings.fft_samples
    )  # (N, frames, fft)
    spectrum = np.fft.rfft(windowed, axis=-1)
    power = np.square(spectrum.real, dtype=np.float32) + np.square(spectrum.imag, dtype=np.float32)
    mels: Floats = (power @ _mel_filters(settings).T).swapaxes(1, 2)
    return mels


@functools.lru_cache(maxsize=4)
def _window(samples: int) -> Floats:
    """The symmetric Hann window (librosa's own is periodic)."""
    return np.hanning(samples).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _mel_filters(settings: SpectrogramSettings) -> Floats:
    """(mels, fft / 2 + 1); librosa takes seconds to import, so only when there is sound."""
    import librosa.filters

    filters: Floats = librosa.filters.mel(
        sr=settings.rate_hz,
        n_fft=settings.fft_samples,
        n_mels=settings.mels,
        fmin=0.0,
        fmax=settings.max_hz,
    )
    return filters


def checked_mels(mels: Floats, settings: SpectrogramSettings, name: str = "audio") -> Floats:
    """Mel segments (N, mels, frames) as float32; InvalidInputError where they are not that."""
    if mels.shape[1:] != (settings.mels, settings.frames) or mels.shape[0] == 0:
        raise InvalidInputError(
            f"{name} mel segments must have shape (N, {settings.mels}, {settings.frames}), "
            f"got {mels.shape}"
        )
    if (
        not np.issubdtype(mels.dtype, np.floating)
        or not np.isfinite(mels).all()
        or (mels < 0).any()
    ):
        raise InvalidInputError(
            f"{name} mel segments must be finite and not negative (power, not log)"
        )
    return mels.astype(np.float32, copy=False)


def _log_mel(mel: Floats, settings: SpectrogramSettings) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """One segment (mels, frames) to log-mel (frames, mels), zero where silent, and its mask."""
    mask = mel.T != 0
    return np.log(np.clip(mel.T, settings.floor, settings.ceiling)) * mask, mask


def segment_input(
    mel: Floats, samples: int, settings: SpectrogramSettings, rng: np.random.Generator
) -> PatchInput:
    """The `samples` patches of one mel segment (mels, frames) for its ViT.

    Patches of digital silence are masked; a segment of nothing else is masked as a whole.
    """
    values, mask = _log_mel(mel, settings)
    normalised = (values - np.float32(settings.input_mean)) / np.float32(settings.input_std)
    return to_patches(normalised[..., None], mask, settings.patch_size, samples, rng)


def segment_target(mel: Floats, settings: SpectrogramSettings) -> tuple[Floats, Floats]:
    """One mel segment (mels, frames) to generate: normalised (frames, mels) and its mask."""
    values, mask = _log_mel(mel, settings)
    normalised = (values - np.float32(settings.target_mean)) / np.float32(settings.target_std)
    return normalised, mask.astype(np.float32)
