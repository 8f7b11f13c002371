"""The encoder and the decoder (model.md section 4), and what a decoder keeps between tokens.

Letters of shapes: B batch, S encoder sequence, T decoder sequence, H heads, D channels of a head,
E model width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from uio2_ros.model.families.unified_io_2.config import TransformerConfig
from uio2_ros.model.families.unified_io_2.layers import Attention, GatedMLP, KeysValues, RMSNorm


class EncoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.pre_attention_norm = RMSNorm(config.emb_dim)
        self.attention = Attention(config.emb_dim, config.num_heads, qk_norm=True)
        self.pre_mlp_norm = RMSNorm(config.emb_dim)
        self.mlp = GatedMLP(config.emb_dim, config.mlp_dim)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        h = self.pre_attention_norm(x)
        query = self.attention.project_query(h, rotary)
        memory = self.attention.project_keys_values(h, rotary)
        x = x + self.attention.attend(query, memory, mask)
        return x + self.mlp(self.pre_mlp_norm(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    checkpointing = False  # whether training recomputes layers rather than keep what is in them

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_encoder_layers))
        self.encoder_norm = RMSNorm(config.emb_dim)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, S, E), rotary (B, S, D / 2), mask (B, 1, 1 or S, S) or None -> (B, S, E)."""
        for layer in self.layers:
            x = _run(layer, self.checkpointing, x, rotary, mask)
        return self.encoder_norm(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Memory:
    """The encoded input as the decoder's cross-attention reads it: computed once per request.

    A decoder of k B rows shares it: rows k b to k b + k - 1 read row b.
    """

    layers: tuple[KeysValues | None, ...]  # (B, H, S, D) each; None where a layer has no cross
    mask: Tensor | None  # (B, 1, 1 or T, S) bool; None when all of it is there


@dataclass
class DecoderState:
    """A generation under way: the memory and the keys and values of the tokens so far."""

    memory: Memory
    cache: tuple[KeysValues, ...]  # (B, H, max length, D) each, allocated once
    length: int = 0  # tokens in the cache

    @property
    def batch(self) -> int:
        """Rows."""
        return self.cache[0].keys.shape[0]

    @property
    def max_length(self) -> int:
        return self.cache[0].keys.shape[2]

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` (B,) in row i, in place; rows of one memory must stay together."""
        if torch.equal(rows, torch.arange(self.batch, device=rows.device)):
            return
        for part in (part for layer in self.cache for part in layer):
            past = part[:, :, : self.length]
            past.copy_(past[rows])


@dataclass(frozen=True)
class Place:
    """Where the keys and values of T new tokens go in the cache, and what their queries see."""

    start: int  # the first new token's, where all rows have the same
    end: int  # keys and values before it are looked at
    mask: Tensor | None = None  # (B or 1, 1, T, end) bool; None where every query sees them all
    scattered: tuple[Tensor, Tensor] | None = None
    """Rows (B, 1) and positions (B, T) of the new tokens, where rows differ."""

    @staticmethod
    def after(start: int, tokens: int, device: torch.device) -> Place:
        """After `start` tokens in every row."""
        if tokens == 1:
            return Place(start, start + 1)
        seen = torch.ones(tokens, start + tokens, dtype=torch.bool, device=device)
        return Place(start, start + tokens, seen.tril_(start)[None, None])

    @staticmethod
    def after_each(starts: Sequence[int], tokens: int, device: torch.device) -> Place:
        """After `starts[b]` tokens in row b. What is written beyond a row's own tokens is not seen
        by them, and overwritten by those that follow."""
        if len(set(starts)) == 1:
            return Place.after(starts[0], tokens, device)
        begins = torch.tensor(starts, device=device)[:, None]  # (B, 1)
        positions = begins + torch.arange(tokens, device=device)  # (B, T)
        end = max(starts) + tokens
        mask = torch.arange(end, device=device) <= positions[..., None]  # (B, T, end)
        rows = torch.arange(len(starts), device=device)[:, None]
        return Place(min(starts), end, mask[:, None], (rows, positions))

    def store(self, cache: KeysValues, new: KeysValues) -> KeysValues:
        """Put new keys and values (B, H, T, D) into the cache, in place; all that are seen."""
        for held, added in zip(cache, new, strict=True):
            if self.scattered is None:
                held[:, :, self.start : self.end] = added
            else:
                rows, positions = self.scattered
                held[rows, :, positions] = added.transpose(1, 2)
        return KeysValues(cache.keys[:, :, : self.end], cache.values[:, :, : self.end])


class DecoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig, cross_attends: bool) -> None:
        super().__init__()
        dim, heads = config.emb_dim, config.num_heads
        self.pre_self_attention_norm = RMSNorm(dim)
        self.self_attention = Attention(dim, heads, qk_norm=True)
        self.pre_cross_attention_norm = RMSNorm(dim) if cross_attends else None
        self.encoder_decoder_attention = (
            Attention(dim, heads, qk_norm=True) if cross_attends else None
        )
        self.pre_mlp_norm = RMSNorm(dim)
        self.mlp = GatedMLP(dim, config.mlp_dim)

    def forward(
        self,
        x: Tensor,
        rotary: Tensor,
        memory: KeysValues | None,
        memory_mask: Tensor | None,
        self_mask: Tensor | None,
    ) -> Tensor:
        """A whole sequence (B, T, E), causal where `self_mask` does not say otherwise."""
        h = self.pre_self_attention_norm(x)
        query = self.self_attention.project_query(h, rotary)
        own = self.self_attention.project_keys_values(h, rotary)
        x = x + self.self_attention.attend(query, own, self_mask, causal=self_mask is None)
        return self._cross_and_mlp(x, rotary, memory, memory_mask)

    def step(
        self,
        x: Tensor,
        rotary: Tensor,
        memory: KeysValues | None,
        memory_mask: Tensor | None,
        cache: KeysValues,
        place: Place,
    ) -> Tensor:
        """The next tokens (B, T, E), whose keys and values join the cache in place."""
        h = self.pre_self_attention_norm(x)
        query = self.self_attention.project_query(h, rotary)
        past = place.store(cache, self.self_attention.project_keys_values(h, rotary))
        x = x + self.self_attention.attend(query, past, place.mask)
        return self._cross_and_mlp(x, rotary, memory, memory_mask)

    def remember(self, encoded: Tensor, rotary: Tensor) -> KeysValues | None:
        """Keys and values of the encoded input (B, S, E), None where the layer does not look."""
        if self.encoder_decoder_attention is None:
            return None
        keys, values = self.encoder_decoder_attention.project_keys_values(encoded, rotary)
        return KeysValues(keys.contiguous(), values.contiguous())  # read at every token

    def _cross_and_mlp(
        self, x: Tensor, rotary: Tensor, memory: KeysValues | None, mask: Tensor | None
    ) -> Tensor:
        if self.encoder_decoder_attention is not None and self.pre_cross_attention_norm is not None:
            assert memory is not None
            h = self.pre_cross_attention_norm(x)
            query = self.encoder_decoder_attention.project_query(h, rotary)  # (B, H, T, D)
            x = x + _attend_shared(self.encoder_decoder_attention, query, memory, mask)
        return x + self.mlp(self.pre_mlp_norm(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    checkpointing = False  # as the encoder's

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(config, config.cross_attends(layer))
            for layer in range(config.num_decoder_layers)
        )
        self.decoder_norm = RMSNorm(config.emb_dim)

    def remember(self, encoded: Tensor, rotary: Tensor, mask: Tensor | None) -> Memory:
        """Keys and values of the encoded input (B, S, E) for every layer."""
        layers = (cast(DecoderLayer, layer).remember(encoded, rotary) for layer in self.layers)
        return Memory(tuple(layers), mask)

    def forward(
        self, x: Tensor, rotary: Tensor, memory: Memory, self_mask: Tensor | None = None
    ) -> Tensor:
        """Whole target sequences (B, T, E) -> (B, T, E); rotary is (B or 1, T, D / 2)."""
        for layer, layer_memory in zip(self.layers, memory.layers, strict=True):
            x = _run(layer, self.checkpointing, x, rotary, layer_memory, memory.mask, self_mask)
        return self.decoder_norm(x)  # type: ignore[no-any-return]

    def step(self, x: Tensor, rotary: Tensor, state: DecoderState) -> Tensor:
        """The next tokens of every row (B, T, E) -> (B, T, E); advances `state`."""
        tokens = x.shape[1]
        room = state.max_length
        assert state.length + tokens <= room, f"the cache holds {room} tokens"
        place = Place.after(state.length, tokens, x.device)
        x = self.step_at(x, rotary, state.memory, state.cache, place)
        state.length += tokens
        return x

    def step_at(
        self, x: Tensor, rotary: Tensor, memory: Memory, cache: Sequence[KeysValues], place: Place
    ) -> Tensor:
        """New tokens (B, T, E) at their place -> (B, T, E); rotary is (B or 1, T, D / 2)."""
        for layer, layer_memory, held in zip(self.layers, memory.layers, cache, strict=True):
            step = cast(DecoderLayer, layer).step
            x = step(x, rotary, layer_memory, memory.mask, held, place)
        return self.decoder_norm(x)  # type: ignore[no-any-return]


def _run(
    layer: Callable[..., Tensor], checkpointing: bool, *inputs: Tensor | KeysValues | None
) -> Tensor:
    """A layer's output; with `checkpointing`, what is in it is computed again for gradients."""
    if not (checkpointing and torch.is_grad_enabled()):
        return layer(*inputs)
    return checkpoint(layer, *inputs, use_reentrant=False)  # type: ignore[no-any-return]


def empty_cache(
    config: TransformerConfig, batch: int, length: int, like: Tensor
) -> tuple[KeysValues, ...]:
    """Room for `length` tokens in every decoder layer, with the dtype and device of `like`.

    Zeros, because a row may have places that are masked before anything is written there.
    """
    shape = (batch, config.num_heads, length, config.head_dim)
    return tuple(
        KeysValues(like.new_zeros(shape), like.new_zeros(shape))
        for _ in range(config.num_decoder_layers)
    )


def _attend_shared(
    attention: Attention, query: Tensor, memory: KeysValues, mask: Tensor | None
) -> Tensor:
    """Cross-attention; rows that share one memory become one row with a longer query."""
    batch, heads, length, dim = query.shape
    rows = len(memory.keys)
    if batch == rows:
        return attention.attend(query, memory, mask)
    assert batch % rows == 0, f"{batch} rows cannot share a memory of {rows} rows"
    grouped = query.view(rows, -1, heads, length, dim).transpose(1, 2)  # (rows, H, k, T, D)
    mixed = attention.attend(grouped.flatten(2, 3), memory, mask)  # (rows, k T, E)
    return mixed.view(batch, length, -1)
