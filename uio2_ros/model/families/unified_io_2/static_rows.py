"""Targets decoded together in tensors that stay where they are, by steps of few shapes.

That is what CUDA graphs need. Letters of shapes: B rows under way, R rows of a step, S encoder
sequence, L room for tokens, T new tokens of a row, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from uio2_ros.model.families.unified_io_2.decoder_rows import (
    RowTensors,
    copy_rows,
    first_rows,
)
from uio2_ros.model.families.unified_io_2.transformer import Memory, Place, empty_cache

if TYPE_CHECKING:
    from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO

AT_ONCE = 8
"""New tokens of a row in a step: so many, or one. Grammars seldom force more."""
WIDTH_STEP = 256
"""The encoder sequence that a step reads is a multiple of it."""


class StaticRows:
    """See `inference.family.StaticTargetRows`.

    The cache has room for the longest target, the memory for the longest input of the model.
    """

    at_once = AT_ONCE

    def __init__(self, network: UnifiedIO, rows: int) -> None:
        self._network = network
        self._lengths: list[int] = []  # tokens of each row in the cache
        self._widths: list[int] = []  # of each row's memory, S
        self._held = self._empty(rows)

    def _empty(self, rows: int) -> RowTensors:
        """Room in which nothing is masked: rows that are not under way must be numbers, too."""
        config, like = self._network.config.t5_config, self._network.token_embedder("text").weight
        width, length = self.widths[-1], max(map(self._room_for, self._network.writes))
        memory = (
            layer if config.cross_attends(number) else None
            for number, layer in enumerate(empty_cache(config, rows, width, like))
        )
        mask = torch.ones(rows, width, dtype=torch.bool, device=like.device)
        return RowTensors(tuple(memory), mask, empty_cache(config, rows, length, like))

    def _room_for(self, modality: str) -> int:
        """L: the longest target, and what pads its last tokens."""
        return self._network.target_length(modality) + AT_ONCE

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._network.device

    @property
    def vocabulary(self) -> int:
        """V of texts."""
        return len(self._network.output_table("text"))

    @property
    def room(self) -> int:
        """Rows that may be under way until `admit` moves them all."""
        return self._held.sizes[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """What `width` may be."""
        longest = sum(
            one.rotary[..., 0].numel()
            for one in self._network.input_embedders.values()
            if isinstance(one.rotary, Tensor)
        )
        steps = -(-longest // WIDTH_STEP)
        return tuple(WIDTH_STEP * (step + 1) for step in range(steps))

    @property
    def width(self) -> int:
        """Of the memory that a step for the rows under way reads."""
        return -(-max(self._widths) // WIDTH_STEP) * WIDTH_STEP

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each row so far."""
        return tuple(self._lengths)

    def admit(self, encoded: Encoded, copies: int = 1) -> bool:
        """Add `copies` rows, side by side, for each of the encoded inputs (B, S, E); whether that
        moved all tensors. Nothing stays of who had their places: NaN would pass any mask."""
        count, width, rows = len(encoded.mask) * copies, encoded.mask.shape[1], len(self)
        moves = rows + count > self.room
        if moves:
            grown = self._empty(2 * (rows + count))
            copy_rows(self._held, grown, slice(0, rows), slice(0, rows))
            self._held = grown
        new = slice(rows, rows + count)
        self._held.mask[new] = False
        self._held.mask[new, :width] = encoded.mask.repeat_interleave(copies, 0)
        read = self._network.remember(encoded).layers
        for held, layer in zip(self._held.memory, read, strict=True):
            for place, part in zip(held or (), layer or (), strict=True):
                place[new, :, :width] = part.repeat_interleave(copies, 0)
                place[new, :, width:] = 0
        for place in (part for layer in self._held.cache for part in layer):
            place[new] = 0
        self._lengths += [0] * count
        self._widths += [width] * count
        return moves

    def drop(self, row: int) -> None:
        """End a row; the last one takes its number."""
        last = len(self) - 1
        if row != last:
            copy_rows(self._held, self._held, slice(last, last + 1), slice(row, row + 1))
        for values in (self._lengths, self._widths):
            values[row] = values[last]
            values.pop()

    def clear(self) -> None:
        """End all rows."""
        self._lengths.clear()
        self._widths.clear()

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` (B,) in row i, in place; copies of one input stay together."""
        length = max(self._lengths)
        for part in (part for layer in self._held.cache for part in layer):
            past = part[: len(rows), :, :length]
            past.copy_(past[rows])

    def advance(self, counts: Sequence[int], modality: str) -> None:
        """Say how many tokens of each row a step is fed; ValueError for too many."""
        lengths = [old + new for old, new in zip(self._lengths, counts, strict=True)]
        most = self._network.target_length(modality)
        if max(lengths) > most:
            raise ValueError(f"{max(lengths)} target tokens exceed the maximum of {most}")
        self._lengths = lengths

    def step(self, width: int, tokens: Tensor, starts: Tensor, modality: str) -> Tensor:
        """Logits (R, T, V) float32 of what follows each of the tokens (R, T).

        starts (R,): tokens of each row in the cache. Depends on nothing else of the host's, and
        writes the same to the same places when it is run again.
        """
        rows, count = tokens.shape
        held, network = self._held, self._network
        positions = starts[:, None] + torch.arange(count, device=tokens.device)  # (R, T)
        x, rotary = network.embed_targets_at(tokens, modality, positions)
        length = self._room_for(modality)
        seen = torch.arange(length, device=tokens.device) <= positions[..., None]  # (R, T, L)
        every = torch.arange(rows, device=tokens.device)[:, None]
        place = Place(0, length, seen[:, None], (every, positions))
        layers = tuple(None if kv is None else first_rows(kv, rows, width) for kv in held.memory)
        memory = Memory(layers, held.mask[:rows, None, None, :width])
        cache = [first_rows(layer, rows) for layer in held.cache]
        return network.logits(network.decoder.step_at(x, rotary, memory, cache, place), modality)
