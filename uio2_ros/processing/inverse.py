"""Examples as pictures for people: what the model is shown, put together again. numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.model.example import Bools, Floats, PatchInput
from uio2_ros.processing.config import PictureSettings, SpectrogramSettings

Pixels = npt.NDArray[np.uint8]


def shown_picture(seen: PatchInput, settings: PictureSettings) -> tuple[Pixels, Bools]:
    """RGB (*size, 3) of the patches of a picture, and (*size) which of it the model sees."""
    patch, (height, width) = settings.patch_size, settings.size
    canvas, visible = unpatchified(seen, patch, height, width)
    colors = canvas * np.asarray(settings.std, np.float32) + np.asarray(settings.mean, np.float32)
    return np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8), visible


def shown_spectrogram(heard: PatchInput, settings: SpectrogramSettings) -> tuple[Floats, Bools]:
    """Log-mel (frames, mels) of the patches of a sound, and which of it the model hears."""
    values, audible = unpatchified(heard, settings.patch_size, settings.frames, settings.mels)
    return values[..., 0] * settings.input_std + settings.input_mean, audible


def unpatchified(given: PatchInput, patch: int, height: int, width: int) -> tuple[Floats, Bools]:
    """Values (height, width, channels) of patches, 0 where there is none, and where one is real."""
    channels = given.patches.shape[1] // patch**2
    rows, columns = height // patch, width // patch
    grid = np.zeros((rows * columns, patch, patch, channels), np.float32)
    real = np.zeros(rows * columns, np.bool_)
    grid[given.positions] = given.patches.reshape(-1, patch, patch, channels)
    real[given.positions] = given.mask
    values = grid.reshape(rows, columns, patch, patch, channels).swapaxes(1, 2)
    everywhere = np.repeat(np.repeat(real.reshape(rows, columns), patch, axis=0), patch, axis=1)
    return values.reshape(height, width, channels), everywhere
