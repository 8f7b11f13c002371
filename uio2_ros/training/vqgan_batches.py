"""What a VQGAN learns from: the pictures, or the sounds, that answers would be taught as.

They come out of the same examples, so that the VQGAN sees what it will have to write, as it will be
given: depth as gray levels, pictures letterboxed, sound as normalised log-mel segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uio2_ros.data.shards import DataSetError
from uio2_ros.model.example import Example
from uio2_ros.training.streams import LONGEST_FRUITLESS, ExampleStream


@dataclass(frozen=True)
class VQGANBatch:
    """Pictures in [-1, 1] or normalised spectrograms, and where they count: 0 or 1."""

    values: Tensor  # (B, C, H, W)
    mask: Tensor  # (B, 1, H, W)

    def to(self, device: torch.device | str) -> VQGANBatch:
        """The same batch on another device."""
        return VQGANBatch(self.values.to(device), self.mask.to(device))


class VQGANBatches:
    """Targets of one modality of a stream's examples; of pictures, a random part of `crop` pixels.

    crop: 0 for the whole; sound is always whole.
    """

    def __init__(self, stream: ExampleStream, modality: str, crop: int, seed: Sequence[int]):
        self._stream, self._modality = stream, modality
        self._crop = crop if modality == "image" else 0
        self._seed, self._drawn = tuple(seed), 0

    def step(self, sizes: Sequence[int]) -> tuple[VQGANBatch, ...]:
        """Batches of so many targets."""
        return tuple(self._batch(size) for size in sizes)

    def _batch(self, size: int) -> VQGANBatch:
        drawn = [self._cropped(*self._target()) for _ in range(size)]
        values, masks = zip(*drawn, strict=True)
        return VQGANBatch(torch.stack(values), torch.stack(masks))

    def _target(self) -> tuple[Tensor, Tensor]:
        for _ in range(LONGEST_FRUITLESS):
            found = target_of(self._stream.draw(), self._modality)
            if found is not None:
                return found
        raise DataSetError(
            f"none of {LONGEST_FRUITLESS} examples has a target of kind {self._modality}: name "
            "tasks that write such"
        )

    def _cropped(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([*self._seed, self._drawn])
        self._drawn += 1
        if not self._crop:
            return values, mask
        sides = values.shape[1:]
        top, left = (int(rng.integers(0, side - self._crop + 1)) for side in sides)
        part = (..., slice(top, top + self._crop), slice(left, left + self._crop))
        return values[part], mask[part]

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self._drawn, "stream": self._stream.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._drawn = state["drawn"]
        self._stream.load_state_dict(state["stream"])


def target_of(example: Example, modality: str) -> tuple[Tensor, Tensor] | None:
    """Values (C, H, W) as the VQGAN takes them, and their mask (1, H, W); None for no target."""
    if modality == "image" and example.image_target is not None:
        assert example.image_target_mask is not None
        pixels = torch.from_numpy(example.image_target).permute(2, 0, 1) * 2 - 1
        return pixels, torch.from_numpy(example.image_target_mask)[None]
    if modality == "audio" and example.audio_target is not None:
        assert example.audio_target_mask is not None
        mels = torch.from_numpy(example.audio_target).T[None]
        return mels, torch.from_numpy(example.audio_target_mask).T[None]
    return None
