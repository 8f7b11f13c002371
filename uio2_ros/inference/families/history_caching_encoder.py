"""Examples to the encoder's output; history frames are encoded once for each key.

Inputs that are masked are not computed: a modality that no example has and patches of padding cost
nothing. Letters of shapes: B examples, F frames or segments, P patches, L latents, E model width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.inference.families.frame_cache import FrameCache
from uio2_ros.model.families.unified_io_2.inputs import HistoryFrames
from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO
from uio2_ros.processing import Batch, Example, PatchBatch, PatchInput, Processor


class HistoryCachingEncoder:
    """See `inference.family.ExampleEncoder`. For one thread."""

    def __init__(self, network: UnifiedIO, processor: Processor, cached_frames: int) -> None:
        self._network, self._processor = network, processor
        self._frames = FrameCache(cached_frames)

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """The encoder's output; padding takes no time, and no place where no example needs it."""
        without = [
            replace(e, image_history=(), history_keys=(), audio_history=()) for e in examples
        ]
        batch = drop_masked(self._processor.collate(without)).to(self._network.device)
        inputs = self._network.embed_inputs(
            batch,
            image_history=self._history([self._image_frames(e) for e in examples]),
            audio_history=self._history([self._audio_segments(e) for e in examples]),
        )
        return self._network.encode(inputs)

    def _image_frames(self, example: Example) -> list[Tensor]:
        """The resampled frames (L, E) of an example, from the cache where they have a key."""
        keys = example.history_keys or (None,) * len(example.image_history)
        if len(keys) != len(example.image_history):
            raise ValueError(
                f"{len(keys)} history_keys do not name {len(example.image_history)} frames"
            )
        return [
            self._image_frame(key, frame)
            for key, frame in zip(keys, example.image_history, strict=True)
        ]

    def _image_frame(self, key: int | None, frame: PatchInput | None) -> Tensor:
        held = None if key is None else self._frames.get(key)
        if held is not None:
            return held
        if frame is None:
            raise ValueError(f"no image-history frame is held under key {key}: give its pixels")
        latents = self._resample("image", frame)
        if key is not None:
            self._frames.put(key, latents)
        return latents

    def _audio_segments(self, example: Example) -> list[Tensor]:
        heard = (segment for segment in example.audio_history if segment.mask.any())
        return [self._resample("audio", segment) for segment in heard]

    def _resample(self, modality: str, frame: PatchInput) -> Tensor:
        """One frame or segment alone, so that its latents (L, E) depend on nothing else."""
        there = frame.mask
        chosen = (frame.patches[there], frame.mask[there], frame.positions[there])
        patches, mask, positions = (
            torch.from_numpy(a)[None].to(self._network.device) for a in chosen
        )
        batch = PatchBatch(patches, mask, positions.long(), encoded=frame.encoded)
        return self._network.encode_history(modality, batch)[0]

    def _history(self, rows: Sequence[Sequence[Tensor]]) -> HistoryFrames | None:
        """Frames of every example, right-padded; None when no example has one."""
        longest = max(len(row) for row in rows)
        if longest == 0:
            return None
        first = next(row[0] for row in rows if row)
        latents = first.new_zeros(len(rows), longest, *first.shape)  # (B, F, L, E)
        for index, row in enumerate(rows):
            if row:
                latents[index, : len(row)] = torch.stack(list(row))
        counts = torch.tensor([len(row) for row in rows])
        mask = torch.arange(longest) < counts[:, None]
        return HistoryFrames(latents, mask.to(self._network.device))

    def holds_frame(self, key: int | None) -> bool:
        """Whether an example may name this image-history frame without bringing it."""
        return key is not None and self._frames.get(key) is not None

    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Encode one image-history frame, RGB (H, W, 3), unless it is held."""
        if not self.holds_frame(key):
            self._frames.put(key, self._resample("image", self._processor.history_frame(pixels)))


def drop_masked(batch: Batch) -> Batch:
    """The batch without patches that are padding in every example, nor inputs of nothing else."""
    image, audio = _drop_masked_patches(batch.image), _drop_masked_patches(batch.audio)
    return replace(batch, image=image, audio=audio)


def _drop_masked_patches(inputs: PatchBatch | None) -> PatchBatch | None:
    if inputs is None:
        return None
    longest = int(inputs.mask.sum(-1).max())
    if longest == 0:
        return None
    order = inputs.mask.int().argsort(dim=-1, descending=True, stable=True)[:, :longest]
    return replace(
        inputs,
        patches=inputs.patches.take_along_dim(order[..., None], dim=1),
        mask=inputs.mask.gather(1, order),
        positions=inputs.positions.gather(1, order),
    )
