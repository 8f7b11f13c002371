"""Generated tokens to what they stand for: texts, pictures, spectrograms and waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from uio2_ros.inference.family import Network, TextTokenizer
from uio2_ros.inference.sampling import NOT_FINITE
from uio2_ros.inference.vocoder import Vocoder


@dataclass(frozen=True)
class Rendered:
    """What one row of tokens stands for; None where it is of another modality."""

    text: str | None = None
    image: npt.NDArray[np.uint8] | None = None  # (256, 256, 3)
    audio: npt.NDArray[np.float32] | None = None  # mono, 16 kHz
    spectrogram: npt.NDArray[np.float32] | None = None  # (128, 256), normalised as in training


class Renderer:
    """Renders rows one by one, so that a picture does not depend on those generated with it."""

    def __init__(
        self, model: Network, tokenizer: TextTokenizer, vocoder: Vocoder | None = None
    ) -> None:
        """vocoder: of a model that writes sound."""
        self._model = model
        self._tokenizer = tokenizer
        self._vocoder = vocoder

    def __call__(self, tokens: Sequence[int], modality: str) -> Rendered:
        """One row of tokens, without start and end, of `modality`."""
        if modality == "image":
            return Rendered(image=self._image(tokens))
        if modality == "audio":
            assert self._vocoder is not None
            spectrogram = self._spectrogram(tokens)
            waveform = self._vocoder.waveform(spectrogram)
            return Rendered(audio=waveform, spectrogram=spectrogram)
        return Rendered(text=self._tokenizer.decode(tokens))

    def _image(self, tokens: Sequence[int]) -> npt.NDArray[np.uint8]:
        picture = self._model.render(self._row(tokens), "image")[0]  # (3, H, W) in [0, 1]
        if not bool(picture.isfinite().all()):  # as bytes it would be black
            raise ValueError(f"the picture that the model drew is {NOT_FINITE}")
        bytes_: npt.NDArray[np.uint8] = (
            (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
        )
        return bytes_

    def _spectrogram(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        rendered = self._model.render(self._row(tokens), "audio")[0]  # (mels, frames)
        spectrogram: npt.NDArray[np.float32] = rendered.cpu().numpy()
        return spectrogram

    def _row(self, tokens: Sequence[int]) -> torch.Tensor:
        return torch.tensor(tokens, device=self._model.device)[None]  # (1, T)
