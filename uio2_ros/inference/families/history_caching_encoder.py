"""Examples to the encoder's output; what was encoded lately is not encoded again.

History frames are known by their keys, all else by its content: the features of a picture or a
sound, the latents of a frame or a segment, and the output for a whole example that is asked about
again. Inputs that are masked are not computed: a modality that no example has and patches of
padding cost nothing. Letters of shapes: B examples, F frames or segments, P patches, D features,
L latents, E model width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.inference.families.cache import Cache
from uio2_ros.inference.families.static_encoders import StaticEncoders
from uio2_ros.inference.graphs import Graphs
from uio2_ros.model.families.unified_io_2.inputs import HistoryFrames
from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO
from uio2_ros.model.transfer import to_device
from uio2_ros.processing import Example, PatchBatch, PatchInput, Processor
from uio2_ros.processing.audio import Samples

KEPT_FEATURES = 8  # pictures and sounds, 3.5 MB each with the released patches
KEPT_EXAMPLES = 2  # with the keys and values of all layers, 140 MB each in `large` in float32


class HistoryCachingEncoder:
    """See `inference.family.ExampleEncoder`. For one thread."""

    def __init__(
        self,
        network: UnifiedIO,
        processor: Processor,
        cached_frames: int,
        graphs: Graphs | None = None,
    ) -> None:
        """graphs: runs the encoders at few lengths."""
        self._network, self._processor = network, processor
        self._static = None if graphs is None else StaticEncoders(network, graphs)
        self._encoders = self._static or network
        self._frames: Cache[Tensor] = Cache(cached_frames)
        self._features: Cache[Tensor] = Cache(KEPT_FEATURES)
        self._examples: Cache[Encoded] = Cache(KEPT_EXAMPLES)

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """The encoder's output; padding takes no time, and no place where no example needs it."""
        if len(examples) > 1:
            return self._encode(examples)
        return self._examples.get_or(_content(examples[0]), lambda: self._encode(examples))

    def _encode(self, examples: Sequence[Example]) -> Encoded:
        bare = [
            replace(e, image=None, audio=None, image_history=(), history_keys=(), audio_history=())
            for e in examples
        ]
        batch = replace(
            self._processor.collate(bare).to(self._network.device, non_blocking=True),
            image=self._seen_or_heard("image", [e.image for e in examples]),
            audio=self._seen_or_heard("audio", [e.audio for e in examples]),
        )
        inputs = self._network.embed_inputs(
            batch,
            image_history=self._history([self._image_frames(e) for e in examples]),
            audio_history=self._history([self._audio_segments(e) for e in examples]),
        )
        return self._encoders.encode(inputs)

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
        if frame is None:
            held = None if key is None else self._frames.get(key)
            if held is None:
                raise ValueError(f"no image-history frame is held under key {key}: give its pixels")
            return held
        name = _content(frame) if key is None else key
        return self._frames.get_or(name, lambda: self._resample("image", frame))

    def _audio_segments(self, example: Example) -> list[Tensor]:
        heard = (segment for segment in example.audio_history if segment.mask.any())
        return [self._audio_segment(segment) for segment in heard]

    def _audio_segment(self, segment: PatchInput) -> Tensor:
        name = ("audio", _content(segment))
        return self._frames.get_or(name, lambda: self._resample("audio", segment))

    def _seen_or_heard(
        self, modality: str, inputs: Sequence[PatchInput | None]
    ) -> PatchBatch | None:
        """Features (B, P, D) of the current pictures or sounds; None where no example has one."""
        there = {row: one for row, one in enumerate(inputs) if one is not None and one.mask.any()}
        if not there:
            return None
        features = self._features_of(modality, list(there.values()))  # (P, D) each
        longest = max(map(len, features))
        padded = features[0].new_zeros(len(inputs), longest, features[0].shape[-1])
        mask = torch.zeros(len(inputs), longest, dtype=torch.bool)
        positions = torch.zeros(len(inputs), longest, dtype=torch.int64)
        for (row, one), found in zip(there.items(), features, strict=True):
            padded[row, : len(found)] = found
            mask[row, : len(found)] = True
            positions[row, : len(found)] = torch.from_numpy(one.positions[one.mask]).long()
        device = self._network.device
        mask, positions = to_device(mask, device), to_device(positions, device)
        return PatchBatch(padded, mask, positions, encoded=True)

    def _features_of(self, modality: str, inputs: Sequence[PatchInput]) -> list[Tensor]:
        """What the ViT makes of the patches (P, D) of each that are there; those that are new and
        as many are one batch."""
        names: list[Hashable] = [(modality, _content(one)) for one in inputs]
        found = {name: self._features.get(name) for name in names}
        new: dict[int, dict[Hashable, PatchInput]] = {}
        for name, one in zip(names, inputs, strict=True):
            if found[name] is None:
                new.setdefault(int(one.mask.sum()), {})[name] = one
        for alike in new.values():
            patches = self._together(list(alike.values()))
            for name, features in zip(
                alike, self._encoders.encode_patches(modality, patches), strict=True
            ):
                found[name] = features
                self._features.put(name, features)
        return [features for name in names if (features := found[name]) is not None]

    def _resample(self, modality: str, frame: PatchInput) -> Tensor:
        """Latents (L, E) of one frame or segment alone, so that they depend on nothing else."""
        return self._encoders.encode_history(modality, self._alone(frame))[0]

    def _alone(self, one: PatchInput) -> PatchBatch:
        """The patches that are there, as a batch of one."""
        return self._together([one])

    def _together(self, inputs: Sequence[PatchInput]) -> PatchBatch:
        """The patches that are there, as many of each, as a batch (B, P, D)."""
        chosen = (
            np.stack([getattr(one, part)[one.mask] for one in inputs])
            for part in ("patches", "mask", "positions")
        )
        device = self._network.device
        patches, mask, positions = (to_device(torch.from_numpy(part), device) for part in chosen)
        return PatchBatch(patches, mask, positions.long(), encoded=inputs[0].encoded)

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
        return HistoryFrames(latents, to_device(mask, self._network.device))

    def holds_frame(self, key: int | None) -> bool:
        """Whether an example may name this image-history frame without bringing it."""
        return key is not None and self._frames.get(key) is not None

    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Encode one image-history frame, RGB (H, W, 3), unless it is held.

        A model that reads no history keeps none.
        """
        if "image_history" in self._processor.reads and not self.holds_frame(key):
            self._frames.put(key, self._resample("image", self._processor.history_frame(pixels)))

    def precompute_segment(self, samples: Samples, rate: int) -> None:
        """Encode one segment of the audio history, unless it is held or silent.

        A model that reads no history keeps none.
        """
        if "audio_history" in self._processor.reads:
            segment = self._processor.history_segment(samples, rate)
            if segment.mask.any():
                self._audio_segment(segment)

    def capture(self) -> None:
        """See `inference.family.ExampleEncoder`."""
        if self._static is not None:
            self._static.capture()

    def forget(self) -> None:
        """Keep nothing that was encoded."""
        for kept in (self._frames, self._features, self._examples):
            kept.clear()


def _content(of: Example | PatchInput) -> Hashable:
    """What equal inputs have in common; history frames count by their keys."""
    if isinstance(of, PatchInput):
        digest = hashlib.blake2b(digest_size=16)
        for part in (of.patches, of.mask, of.positions):
            digest.update(np.ascontiguousarray(part).data)
        return digest.digest(), of.encoded
    keys = of.history_keys or (None,) * len(of.image_history)
    frames = tuple(
        key if key is not None or frame is None else _content(frame)
        for key, frame in zip(keys, of.image_history, strict=False)
    )
    parts = (of.image, of.audio, *of.audio_history)
    return of.text.tobytes(), frames, tuple(part and _content(part) for part in parts)
