"""Generated tokens to what they stand for: texts, pictures, spectrograms and waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from uio2_ros.inference.vocoder import Vocoder
from uio2_ros.model.families.unified_io_2.targets import AudioTargetEmbedder, ImageTargetEmbedder
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.processing import Tokenizer


@dataclass(frozen=True)
class Rendered:
    """What one row of tokens stands for; None where it is of another modality."""

    text: str | None = None
    image: npt.NDArray[np.uint8] | None = None  # (256, 256, 3)
    audio: npt.NDArray[np.float32] | None = None  # mono, 16 kHz
    spectrogram: npt.NDArray[np.float32] | None = None  # (128, 256), normalised as in training


class Renderer:
    """Renders rows one by one, so that a picture does not depend on those generated with it."""

    def __init__(self, model: UnifiedIO, tokenizer: Tokenizer, vocoder: Vocoder) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._vocoder = vocoder

    def __call__(self, tokens: Sequence[int], modality: str) -> Rendered:
        """One row of tokens, without start and end, of `modality`."""
        if modality == "image":
            return Rendered(image=self._image(tokens))
        if modality == "audio":
            spectrogram = self._spectrogram(tokens)
            waveform = self._vocoder.waveform(spectrogram)
            return Rendered(audio=waveform, spectrogram=spectrogram)
        return Rendered(text=self._tokenizer.decode(tokens))

    def _image(self, tokens: Sequence[int]) -> npt.NDArray[np.uint8]:
        embedder = cast(ImageTargetEmbedder, self._model.target_embedder("image"))
        picture = embedder.render(self._row(tokens))[0]  # (3, H, W) in [0, 1]
        bytes_: npt.NDArray[np.uint8] = (
            (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
        )
        return bytes_

    def _spectrogram(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        embedder = cast(AudioTargetEmbedder, self._model.target_embedder("audio"))
        spectrogram: npt.NDArray[np.float32] = embedder.render(self._row(tokens))[0].cpu().numpy()
        return spectrogram

    def _row(self, tokens: Sequence[int]) -> torch.Tensor:
        return torch.tensor(tokens, device=self._model.device)[None]  # (1, T)
