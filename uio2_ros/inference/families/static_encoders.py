"""The encoders of one example at few lengths: for CUDA graphs.

What is padded is masked, so that outputs are those of the network itself but for rounding. Letters
of shapes: B examples, S sequence, P patches, D features, L latents, E model width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from uio2_ros.inference.graphs import Graphs
from uio2_ros.model.example import PatchBatch
from uio2_ros.model.families.unified_io_2.inputs import InputSequence
from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO

PATCH_STEP = 64
"""Patches of a picture or sound are padded to a multiple of it."""
SEQUENCE_STEP = 128
"""The same of the encoder's input."""


class StaticEncoders:
    """Encodes like the network. Batches go to it: there, launches are a small part of the time."""

    def __init__(self, network: UnifiedIO, graphs: Graphs) -> None:
        self._network, self._graphs = network, graphs

    def encode_patches(self, name: str, patches: PatchBatch) -> Tensor:
        """See `UnifiedIO.encode_patches`."""
        if len(patches.mask) > 1 or patches.encoded:
            return self._network.encode_patches(name, patches)
        (features,) = self._graphs(self._features, name, *_padded(patches))
        return features[:, : patches.mask.shape[1]]

    def encode_history(self, modality: str, frames: PatchBatch) -> Tensor:
        """See `UnifiedIO.encode_history`."""
        if len(frames.mask) > 1 or frames.encoded:
            return self._network.encode_history(modality, frames)
        return self._graphs(self._latents, modality, *_padded(frames))[0]

    def encode(self, inputs: InputSequence) -> Encoded:
        """See `UnifiedIO.encode`."""
        if len(inputs.mask) > 1:
            return self._network.encode(inputs)
        length = inputs.mask.shape[1]
        parts = (inputs.embed, inputs.rotary, inputs.mask)
        (hidden,) = self._graphs(self._hidden, *(_pad(part, SEQUENCE_STEP) for part in parts))
        return Encoded(hidden[:, :length], inputs.mask, inputs.rotary)

    def capture(self) -> None:
        """Make all graphs that inputs of the model may need."""
        device, embedders = self._network.device, self._network.input_embedders
        rotary = [one.rotary for one in embedders.values() if isinstance(one.rotary, Tensor)]
        longest = sum(table[..., 0].numel() for table in rotary)
        width, pairs = self._network.config.t5_config.emb_dim, rotary[0].shape[-1]
        like = self._network.token_embedder("text").weight
        for length in _lengths(longest, SEQUENCE_STEP):
            mask = torch.ones(1, length, dtype=torch.bool, device=device)
            embed, table = like.new_zeros(1, length, width), rotary[0].new_ones(1, length, pairs)
            self.encode(InputSequence(embed, mask, table))
        for name in self._network.config.input_modalities:
            if name != "text":
                self._capture_patches(name)

    def _capture_patches(self, name: str) -> None:
        rows, columns = self._network.input_grid(name)
        modality, _, history = name.partition("_")
        for count in _lengths(rows * columns, PATCH_STEP):
            mask = torch.ones(1, count, dtype=torch.bool)
            patches = torch.zeros(1, count, self._network.patch_dim(modality))
            one = PatchBatch(patches, mask, torch.zeros(1, count, dtype=torch.int64))
            if history:
                self.encode_history(modality, one)
            else:
                self.encode_patches(modality, one)

    # What is captured. It waits for nothing.

    def _features(
        self, name: str, patches: Tensor, mask: Tensor, positions: Tensor
    ) -> tuple[Tensor]:
        return (self._network.encode_patches(name, PatchBatch(patches, mask, positions)),)

    def _latents(
        self, modality: str, patches: Tensor, mask: Tensor, positions: Tensor
    ) -> tuple[Tensor]:
        return (self._network.encode_history(modality, PatchBatch(patches, mask, positions)),)

    def _hidden(self, embed: Tensor, rotary: Tensor, mask: Tensor) -> tuple[Tensor]:
        return (self._network.run_encoder(embed, rotary, mask[:, None, None]),)


def _padded(one: PatchBatch) -> tuple[Tensor, Tensor, Tensor]:
    patches, mask, positions = (
        _pad(part, PATCH_STEP) for part in (one.patches, one.mask, one.positions)
    )
    return patches, mask, positions


def _pad(rows: Tensor, step: int) -> Tensor:
    """(1, S, ...) with zeros to a multiple of a step."""
    missing = -rows.shape[1] % step
    return F.pad(rows, (0, 0) * (rows.ndim - 2) + (0, missing))


def _lengths(longest: int, step: int) -> range:
    return range(step, longest + step, step)
