"""Texts decoded together that begin and end at different times.

Every row has its own input, length and, in a pass, number of new tokens. Letters of shapes: B rows
under way, R room for rows, S encoder sequence, L room for tokens, T new tokens of a row, H heads,
D channels of a head, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from uio2_ros.model.families.unified_io_2.layers import KeysValues
from uio2_ros.model.families.unified_io_2.transformer import Memory, Place, empty_cache

if TYPE_CHECKING:
    from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO


@dataclass
class RowTensors:
    """The tensors of all rows, with room for more: (R, H, S, D), (R, S) bool, (R, H, L, D)."""

    memory: tuple[KeysValues | None, ...]
    mask: Tensor
    cache: tuple[KeysValues, ...]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """R, S and L."""
        rows, width = self.mask.shape
        return rows, width, self.cache[0].keys.shape[2]

    def tensors(self) -> list[Tensor]:
        """All of them, in an order that is always the same."""
        layers = [layer for layer in (*self.memory, *self.cache) if layer is not None]
        return [self.mask, *(part for layer in layers for part in layer)]


class DecoderRows:
    """See `inference.family.TextRows`. The first rows admitted are taken over without a copy.

    Room grows by doubling, and a row that ends gives its place to the last one, so that coming and
    going copies one row and never all of them.
    """

    at_once = None

    def __init__(self, network: UnifiedIO) -> None:
        self._network = network
        self._held: RowTensors | None = None
        self._lengths: list[int] = []  # tokens of each row in the cache
        self._widths: list[int] = []  # of each row's memory, S; without what pads it
        self._whole: list[bool] = []  # whether nothing of it is masked

    def __len__(self) -> int:
        return len(self._lengths)

    def admit(self, encoded: Encoded, max_tokens: int) -> None:
        """Add a row for each of the encoded inputs (B, S, E)."""
        memory, (count, width) = self._network.remember(encoded), encoded.mask.shape
        config = self._network.config.t5_config
        cache = empty_cache(config, count, max_tokens, like=encoded.hidden)
        new = RowTensors(memory.layers, encoded.mask, cache)
        self._held = new if not self._lengths else self._joined(new)
        self._lengths += [0] * count
        self._widths += [width] * count
        self._whole += [memory.mask is None] * count

    def _joined(self, new: RowTensors) -> RowTensors:
        """What is held with more rows after those under way."""
        assert self._held is not None
        rows, added = len(self._lengths), len(new.mask)
        room = tuple(max(pair) for pair in zip(self._held.sizes, new.sizes, strict=True))
        if rows + added > self._held.sizes[0]:
            room = (2 * (rows + added), *room[1:])
        held = self._held
        if room != held.sizes:
            held = with_room(held, (room[0], room[1], room[2]))
            copy_rows(self._held, held, slice(0, rows), slice(0, rows))
        held.mask[rows : rows + added] = False
        copy_rows(new, held, slice(0, added), slice(rows, rows + added))
        return held

    def drop(self, row: int) -> None:
        """End a row; the last one takes its number."""
        assert self._held is not None
        last = len(self._lengths) - 1
        if row != last:
            copy_rows(self._held, self._held, slice(last, last + 1), slice(row, row + 1))
        columns: tuple[list[Any], ...] = (self._lengths, self._widths, self._whole)
        for values in columns:
            values[row] = values[last]
            values.pop()
        if not self._lengths:
            self._held = None

    def append(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Feed each row its next tokens, at least one; logits (N, V) float32 of what follows each
        of them, row after row."""
        assert self._held is not None
        counts = [len(row) for row in tokens]
        assert len(counts) == len(self._lengths)
        assert min(counts) >= 1
        longest = max(counts)
        self._make_room(max(self._lengths) + longest)
        padded = [[*row, *[0] * (longest - len(row))] for row in tokens]
        x, rotary = self._embedded(torch.tensor(padded, device=self._network.device))
        place = Place.after_each(self._lengths, longest, x.device)
        cache = [first_rows(layer, len(counts)) for layer in self._held.cache]
        hidden = self._network.decoder.step_at(x, rotary, self._memory(), cache, place)
        self._lengths = [old + new for old, new in zip(self._lengths, counts, strict=True)]
        return self._network.logits(_real(hidden, counts), "text")

    def _embedded(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Decoder inputs of tokens (B, T) that follow those of each row, and their rotary."""
        network, target = self._network, self._network.target_embedder("text")
        end = max(self._lengths) + tokens.shape[1]
        if len(set(self._lengths)) == 1 and end <= target.max_length:
            return network.embed_targets(tokens, "text", start=self._lengths[0])
        starts = torch.tensor(self._lengths, device=tokens.device)[:, None]
        positions = starts + torch.arange(tokens.shape[1], device=tokens.device)  # (B, T)
        return network.embed_targets_at(tokens, "text", positions)

    def _memory(self) -> Memory:
        """What the rows under way look at."""
        assert self._held is not None
        rows, width = len(self._lengths), max(self._widths)
        layers = tuple(
            None if layer is None else first_rows(layer, rows, width) for layer in self._held.memory
        )
        full = all(self._whole) and min(self._widths) == width
        return Memory(layers, None if full else self._held.mask[:rows, None, None, :width])

    def _make_room(self, length: int) -> None:
        """Room for so many tokens, those that pad a pass included."""
        assert self._held is not None
        rows, width, room = self._held.sizes
        if length > room:
            grown = with_room(self._held, (rows, width, length))
            copy_rows(self._held, grown, slice(0, rows), slice(0, rows))
            self._held = grown


def with_room(like: RowTensors, sizes: tuple[int, int, int]) -> RowTensors:
    """Zeros for so many rows, R, S and L, for the layers of others."""
    rows, width, length = sizes
    return RowTensors(
        tuple(None if layer is None else _empty(layer, rows, width) for layer in like.memory),
        like.mask.new_zeros(rows, width),
        tuple(_empty(layer, rows, length) for layer in like.cache),
    )


def _empty(like: KeysValues, rows: int, length: int) -> KeysValues:
    """Zeros, because what is masked must be a number."""
    heads, dim = like.keys.shape[1], like.keys.shape[3]
    shape = (rows, heads, length, dim)
    return KeysValues(like.keys.new_zeros(shape), like.values.new_zeros(shape))


def copy_rows(source: RowTensors, target: RowTensors, rows: slice, to: slice) -> None:
    """Rows of one into rows of another that is as wide at least."""
    for old, new in zip(source.tensors(), target.tensors(), strict=True):
        length = old.shape[1] if old.ndim == 2 else old.shape[2]
        place = new[to, :length] if old.ndim == 2 else new[to, :, :length]
        place.copy_(old[rows])


def first_rows(layer: KeysValues, rows: int, length: int | None = None) -> KeysValues:
    """The keys and values of the first rows, up to a length, where they are."""
    return KeysValues(layer.keys[:rows, :, :length], layer.values[:rows, :, :length])


def _real(hidden: Tensor, counts: Sequence[int]) -> Tensor:
    """(B, T, E) -> (N, E): the first `counts[b]` of every row."""
    if min(counts) == hidden.shape[1]:
        return hidden.flatten(0, 1)
    return torch.cat([row[:count] for row, count in zip(hidden, counts, strict=True)])
