"""Who may attend to whom when whole targets are decoded at once, one per row or packed.

Several targets of one example are laid one after another for the decoder; neither they nor
examples that share a row ever attend to each other (model.md section 4). Letters of shapes:
N examples, R packed rows, S and T positions, E model width, D channels of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.targets import TargetTokens

NOTHING = -1  # segment of positions that are padding


@dataclass(frozen=True)
class DecoderInputs:
    """The targets of a batch, one modality after another, as the decoder reads them."""

    embed: Tensor  # (N, T, E)
    rotary: Tensor  # (1, T, D / 2) complex
    segments: Tensor  # (T,) int64, which modality
    mask: Tensor  # (N, T) bool, what may be attended to
    used: Tensor  # (N, T) bool, all positions up to the last real one of their modality
    visible: Tensor | None  # (N, T) bool for dynamic masking, see `visible`
    causal: bool  # plain causal attention is exact: one modality, whose padding comes last

    def self_mask(self) -> Tensor | None:
        """Who attends to whom (N or 1, 1, T, T); None for plain causal attention."""
        if self.causal and self.visible is None:
            return None
        return decoder_mask(self.segments[None], self.mask, self.visible)


def decoder_mask(segments: Tensor, mask: Tensor, visible: Tensor | None = None) -> Tensor:
    """(N or 1, 1, T, T): causal within a segment, to real positions and always to oneself.

    segments (N or 1, T), mask (N, T). visible (N, T): a position that is not visible, for dynamic
    masking, neither attends to another nor is attended to.
    """
    allowed = segments[:, :, None] == segments[:, None, :]
    allowed = torch.tril(allowed & mask[:, None, :])
    if visible is not None:
        allowed = allowed & visible[:, :, None] & visible[:, None, :]
    itself = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return (allowed | itself)[:, None]


def used(targets: Sequence[TargetTokens]) -> Tensor:
    """(N, T) of targets one after another: all positions up to the last real one of each."""
    return torch.cat([t.mask.flip(1).cummax(1).values.flip(1) for t in targets], dim=1)


def visible(targets: Sequence[TargetTokens]) -> Tensor:
    """(N, T) of targets one after another: positions that read a token not hidden in the input.

    Position t reads target t - 1; the start token is always visible.
    """
    return torch.cat([_visible(target) for target in targets], dim=1)


def _visible(target: TargetTokens) -> Tensor:
    if target.hidden is None:
        return torch.ones_like(target.mask)
    return F.pad(~target.hidden[:, :-1], (1, 0), value=True)


@dataclass(frozen=True)
class Packing:
    """Where the positions of examples (N, T) lie in rows (R, L) that several examples share."""

    shape: tuple[int, int]  # N, T
    places: Tensor  # (R, L) int64, of the flattened N x T; 0 where a row is not filled
    filled: Tensor  # (R, L) bool

    @staticmethod
    def plan(used: Tensor, rows: Tensor) -> Packing:
        """Lay the used positions (N, T) of examples into their rows (N,), in order, without gaps"""
        count, length = used.shape
        taken = used.flatten().nonzero()[:, 0]  # (K,), example by example
        row = rows[taken // length]  # (K,)
        order = row.argsort(stable=True)
        taken, row = taken[order], row[order]
        counts = row.bincount(minlength=int(rows.max()) + 1)  # (R,)
        column = torch.arange(len(taken), device=used.device) - (counts.cumsum(0) - counts)[row]
        shape = (len(counts), int(counts.max()))
        places, filled = taken.new_zeros(shape), used.new_zeros(shape)
        places[row, column], filled[row, column] = taken, True
        return Packing((count, length), places, filled)

    @property
    def examples(self) -> Tensor:
        """Which example each position (R, L) is of; NOTHING where a row is not filled."""
        return (self.places // self.shape[1]).where(self.filled, NOTHING)

    def pack(self, values: Tensor) -> Tensor:
        """(N or 1, T, ...) -> (R, L, ...)."""
        every = values.expand(self.shape[0], *values.shape[1:])
        return every.flatten(0, 1)[self.places]

    def unpack(self, values: Tensor) -> Tensor:
        """(R, L, E) -> (N, T, E), zero where nothing was packed."""
        count, length = self.shape
        flat = values.new_zeros(count * length, values.shape[-1])
        flat = flat.index_put((self.places[self.filled],), values[self.filled])
        return flat.view(count, length, -1)


def same_segment(queries: Tensor, keys: Tensor) -> Tensor:
    """(R, 1, T, S) of segments (R, T) and (R, S); queries that are padding may see everything."""
    same = queries[:, :, None] == keys[:, None, :]
    return (same | (queries == NOTHING)[:, :, None])[:, None]
