"""Unified-IO 1: a prompt and a picture in; text and the codes of a picture out.

Reading order: `Encoder` -> `Decoder` -> `UnifiedIO1`. Source: Lu et al. 2022 (arXiv 2206.08916) and
its code. Letters of shapes: B batch, N words, M patches, S = N + M, T decoded so far, H heads, D
channels of a head, E model width, V rows of the shared table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_1.config import UnifiedIO1Config
from uio2_ros.model.families.unified_io_1.position_bias import RelativeBias
from uio2_ros.model.families.unified_io_1.weights import UnifiedIO1Weights
from uio2_ros.model.families.unified_io_2.image_vqgan import ImageVQGAN
from uio2_ros.model.families.unified_io_2.layers import KeysValues, RMSNorm, split_heads
from uio2_ros.model.products import Linear

MASKED = -1e10  # added to logits of what is not attended to, as in training
START = 0  # the text starts with it
END = 1
TEXT, IMAGE = 0, 1  # rows of the segment tables


class Attention(nn.Module):
    """Multi-head attention without biases; logits are not scaled, that is folded into weights."""

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = Linear(width, heads * head_dim)
        self.key = Linear(width, heads * head_dim)
        self.value = Linear(width, heads * head_dim)
        self.out = Linear(heads * head_dim, width)

    def keys_values(self, x: Tensor) -> KeysValues:
        """(B, S, E) -> keys and values, both (B, H, S, D)."""
        return KeysValues(
            split_heads(self.key(x), self.heads), split_heads(self.value(x), self.heads)
        )

    def forward(self, x: Tensor, memory: KeysValues, bias: Tensor) -> Tensor:
        """(B, Q, E) over `memory` -> (B, Q, E); `bias` (B, H, Q, S) is added to the logits."""
        query = split_heads(self.query(x), self.heads)
        mixed = F.scaled_dot_product_attention(
            query, *memory, attn_mask=bias.to(query.dtype), scale=1.0
        )
        return self.out(mixed.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


class GatedMLP(nn.Module):
    """The tanh form of GELU of `wi_0` gates `wi_1`."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.wi_0 = Linear(width, hidden)
        self.wi_1 = Linear(width, hidden)
        self.wo = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))  # type: ignore[no-any-return]


class AbsoluteBias(nn.Module):
    """How well two positions go together, whatever stands there: one bias for all layers."""

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width / heads) ** -0.5  # of the width, not of the head
        self.query = Linear(width, heads * head_dim)
        self.key = Linear(width, heads * head_dim)

    def forward(self, positions: Tensor) -> Tensor:
        """(S, E) -> (H, S, S)."""
        query = split_heads(self.query(positions)[None], self.heads)[0]  # (H, S, D)
        key = split_heads(self.key(positions)[None], self.heads)[0]
        bias: Tensor = query @ key.mT * self.scale
        return bias


class EncoderLayer(nn.Module):
    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__()
        model = config.model
        self.pre_attention_norm = RMSNorm(model.emb_dim)
        self.attention = Attention(model.emb_dim, model.num_heads, model.head_dim)
        self.pre_mlp_norm = RMSNorm(model.emb_dim)
        self.mlp = GatedMLP(model.emb_dim, model.mlp_dim)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        y = self.pre_attention_norm(x)
        x = x + self.attention(y, self.attention.keys_values(y), bias)
        return x + self.mlp(self.pre_mlp_norm(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Words and patches in one sequence, with one bias of their positions for all layers."""

    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__()
        model = config.model
        self.words = model.encoder_max_text_length
        width, patch = model.emb_dim, 3 * model.image_patch_size**2
        rows = model.encoder_max_text_length + model.encoder_max_image_length
        self.position_embedding = nn.Embedding(rows, width)
        self.segment_embedding = nn.Embedding(model.num_seg_emb, width)
        self.image_projection = nn.Linear(patch, width, bias=False)
        self.text_norm, self.image_norm = RMSNorm(width), RMSNorm(width)
        self.position_norm = RMSNorm(width)
        self.absolute_bias = AbsoluteBias(width, model.num_heads, model.head_dim)
        self.relative_bias = RelativeBias(
            model.num_heads,
            model.relative_buckets,
            model.relative_max_distance,
            config.input_grid[1],
            bidirectional=True,
        )
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(model.num_encoder_layers))
        self.encoder_norm = RMSNorm(width)

    def forward(self, text: Tensor, patches: Tensor | None, mask: Tensor) -> Tensor:
        """Embedded words (B, N, E), patches (B, M, P) or none, mask (B, S) -> (B, S, E)."""
        count = 0 if patches is None else patches.shape[1]
        positions = self.positions(text.shape[1], count)  # (S, E)
        x = self.embed(text, patches, positions)
        bias = self.position_bias(positions, text.shape[1], count)[None]  # (1, H, S, S)
        allowed = mask[:, None, :, None] & mask[:, None, None, :]  # (B, 1, S, S)
        bias = bias + torch.where(allowed, 0.0, MASKED).to(bias.dtype)
        for layer in self.layers:
            x = layer(x, bias)
        return self.encoder_norm(x)  # type: ignore[no-any-return]

    def positions(self, words: int, patches: int) -> Tensor:
        """The rows (S, E) of the position table."""
        table = self.position_embedding.weight
        return torch.cat([table[:words], table[self.words : self.words + patches]])

    def embed(self, text: Tensor, patches: Tensor | None, positions: Tensor) -> Tensor:
        """(B, S, E), normalised, before the first layer."""
        words = text.shape[1]
        segments = self.segment_embedding.weight
        x = self.text_norm(text + segments[TEXT] + positions[:words])
        if patches is None:
            return x  # type: ignore[no-any-return]
        image = self.image_projection(patches) + segments[IMAGE] + positions[words:]
        return torch.cat([x, self.image_norm(image)], dim=1)

    def position_bias(self, positions: Tensor, words: int, patches: int) -> Tensor:
        """(H, S, S)."""
        absolute = self.absolute_bias(self.position_norm(positions))
        return absolute + self.relative_bias(words, patches)  # type: ignore[no-any-return]


@dataclass
class DecoderState:
    """A generation under way: keys and values of what was written, and what every step needs.

    `length` of the `room` places of the caches are filled; `places` says at which of the decoder's
    positions each was written, `visible` whether it counts.
    """

    cross: tuple[KeysValues, ...]  # a layer each, (B, H, S, D)
    cross_bias: Tensor  # (B, 1, 1, S)
    bias: Tensor  # (H, P, P) over all positions of the decoder
    cache: tuple[KeysValues, ...]  # a layer each, (B, H, room, D)
    places: Tensor  # (room,)
    visible: Tensor  # (B, room) bool
    length: int = 0
    words: int = 0
    """How many of them are words."""

    @property
    def batch(self) -> int:
        """Rows."""
        return len(self.visible)

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` (B,) in row i, in place; copies of one input stay together."""
        self.visible.copy_(self.visible[rows])
        for keys, values in self.cache:
            keys[:, :, : self.length] = keys[rows, :, : self.length]
            values[:, :, : self.length] = values[rows, :, : self.length]


class DecoderLayer(nn.Module):
    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__()
        model = config.model
        self.pre_self_attention_norm = RMSNorm(model.emb_dim)
        self.self_attention = Attention(model.emb_dim, model.num_heads, model.head_dim)
        self.pre_cross_attention_norm = RMSNorm(model.emb_dim)
        self.cross_attention = Attention(model.emb_dim, model.num_heads, model.head_dim)
        self.pre_mlp_norm = RMSNorm(model.emb_dim)
        self.mlp = GatedMLP(model.emb_dim, model.mlp_dim)

    def forward(self, x: Tensor, state: DecoderState, number: int, bias: Tensor) -> Tensor:
        """(B, Q, E) at the next places of layer `number`'s cache, which are written."""
        start, end = state.length, state.length + x.shape[1]
        y = self.pre_self_attention_norm(x)
        new, cache = self.self_attention.keys_values(y), state.cache[number]
        for kept, written in zip(cache, new, strict=True):
            kept[:, :, start:end] = written
        seen = KeysValues(cache.keys[:, :, :end], cache.values[:, :, :end])
        x = x + self.self_attention(y, seen, bias)
        y = self.pre_cross_attention_norm(x)
        x = x + self.cross_attention(y, state.cross[number], state.cross_bias)
        return x + self.mlp(self.pre_mlp_norm(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Words, then the cells of a picture.

    Nothing of a position enters the cross-attention: the tables that files hold for it were never
    read, in training neither.
    """

    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__()
        model = config.model
        self.words, self.cells = model.decoder_max_text_length, model.decoder_max_image_length
        width = model.emb_dim
        self.position_embedding = nn.Embedding(self.words + self.cells, width)
        self.segment_embedding = nn.Embedding(model.num_seg_emb, width)
        self.input_norm, self.position_norm = RMSNorm(width), RMSNorm(width)
        self.absolute_bias = AbsoluteBias(width, model.num_heads, model.head_dim)
        self.relative_bias = RelativeBias(
            model.num_heads,
            model.relative_buckets,
            model.relative_max_distance,
            config.target_grid[1],
            bidirectional=False,
        )
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(model.num_decoder_layers))
        self.decoder_norm = RMSNorm(width)

    def cross(self, hidden: Tensor) -> tuple[KeysValues, ...]:
        """What every layer reads of an encoder's output (B, S, E)."""
        layers = cast("Iterable[DecoderLayer]", self.layers)
        return tuple(layer.cross_attention.keys_values(hidden) for layer in layers)

    def start(self, cross: tuple[KeysValues, ...], mask: Tensor, room: int) -> DecoderState:
        """The state before anything is written, for at most `room` tokens a row; mask (B, S)."""
        bias = self.absolute_bias(self.position_norm(self.position_embedding.weight))
        bias = bias + self.relative_bias(self.words, self.cells)
        keys = cross[0].keys  # (B, H, S, D)
        shape = (*keys.shape[:2], room, keys.shape[-1])
        return DecoderState(
            cross=cross,
            cross_bias=torch.where(mask, 0.0, MASKED)[:, None, None].to(keys.dtype),
            bias=bias,
            cache=tuple(KeysValues(keys.new_zeros(shape), keys.new_zeros(shape)) for _ in cross),
            places=torch.zeros(room, dtype=torch.long, device=keys.device),
            visible=mask.new_zeros(len(mask), room),
        )

    def forward(self, state: DecoderState, x: Tensor, image: bool, visible: Tensor) -> Tensor:
        """Go on with embedded tokens (B, Q, E), cells of the picture or words -> (B, Q, E).

        `visible` (B, Q): whether they, and what comes after them, may attend to them.
        """
        start, end = state.length, state.length + x.shape[1]
        first = self.words + start - state.words if image else state.words
        state.places[start:end] = torch.arange(first, first + end - start, device=x.device)
        state.visible[:, start:end] = visible
        places, seen = state.places[start:end], state.places[:end]
        segment = self.segment_embedding.weight[IMAGE if image else TEXT]
        x = self.input_norm(x + self.position_embedding.weight[places] + segment)
        order = torch.arange(end, device=x.device)
        allowed = order[start:, None] >= order[None, :]  # (Q, T)
        allowed = allowed & state.visible[:, None, None, :end]  # (B, 1, Q, T)
        bias = state.bias[:, places][:, :, seen][None]  # (1, H, Q, T)
        bias = bias + torch.where(allowed, 0.0, MASKED).to(bias.dtype)
        for number, layer in enumerate(self.layers):
            x = layer(x, state, number, bias)
        state.length = end
        state.words += 0 if image else end - start
        return self.decoder_norm(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Encoded:
    """The encoder's output."""

    hidden: Tensor  # (B, S, E)
    mask: Tensor  # (B, S) bool


@dataclass(frozen=True)
class Memory:
    """What the decoder reads of it."""

    cross: tuple[KeysValues, ...]
    mask: Tensor  # (B, S) bool


class UnifiedIO1(UnifiedIO1Weights):
    """The whole network. Weights are random until a checkpoint is loaded."""

    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__(config)
        model = config.model
        self.token_embedder = nn.Embedding(model.vocab_size + model.image_vocab_size, model.emb_dim)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.discrete_vae = ImageVQGAN(config.image_vqgan)

    def target_length(self, modality: str) -> int:
        """Tokens of every picture, and the most of a text, its end included."""
        self._check(modality)
        return self.decoder.cells if modality == "image" else self.decoder.words

    def start_id(self, modality: str) -> int:
        """The token that the first step is fed; of a picture it follows the codes."""
        self._check(modality)
        return self.config.model.image_vocab_size if modality == "image" else START

    def many_row_parts(self) -> Iterable[nn.Module]:
        """The layers that read whole inputs."""
        return [self.encoder.layers]

    def few_row_parts(self) -> Iterable[nn.Module]:
        """The layers that read token by token."""
        return [self.decoder.layers]

    def output_table(self, modality: str) -> Tensor:
        """The rows (V, E) that logits are products with: words, or codes of pictures."""
        words = self.config.model.vocab_size
        table = self.token_embedder.weight
        return table[words:] if modality == "image" else table[:words]

    def encode(
        self, text: Tensor, patches: Tensor | None = None, patch_mask: Tensor | None = None
    ) -> Encoded:
        """Token ids (B, N), 0 where there is none, and patches (B, M, P) with their mask (B, M)."""
        mask = text > 0
        if patches is not None:
            if patch_mask is None:
                patch_mask = mask.new_ones(patches.shape[:2])
            mask = torch.cat([mask, patch_mask], dim=1)
        hidden = self.encoder(self.token_embedder(text), patches, mask)
        return Encoded(hidden, mask)

    def remember(self, encoded: Encoded) -> Memory:
        """The keys and values that every layer attends to, computed once."""
        return Memory(self.decoder.cross(encoded.hidden), encoded.mask)

    def prefill(
        self,
        encoded: Encoded,
        max_tokens: int,
        copies: int = 1,
        modality: str = "text",
    ) -> DecoderState:
        """What a generation of at most `max_tokens` steps needs, allocated and computed once.

        Each row of the input is decoded in `copies` rows next to each other.
        """
        return self.begin(self.remember(encoded), max_tokens, copies, modality)

    def begin(
        self,
        memory: Memory,
        max_tokens: int,
        copies: int = 1,
        modality: str = "text",
        words: Tensor | None = None,
    ) -> DecoderState:
        """As `prefill`. A picture is preceded by `words` (B, N), padded with 0, or by none."""
        self._check(modality)
        repeated = tuple(
            KeysValues(*(x.repeat_interleave(copies, 0) for x in layer)) for layer in memory.cross
        )
        mask = memory.mask.repeat_interleave(copies, 0)
        before = mask.new_zeros(len(mask), 0) if words is None else words
        room = max_tokens + 1 + before.shape[1]
        state: DecoderState = self.decoder.start(repeated, mask, room)
        if modality == "image":
            text = F.pad(before.long(), (1, 0), value=START)
            self._decode(state, text, "text", F.pad(before > END, (1, 0), value=True))
        return state

    def decode_step(self, state: DecoderState, tokens: Tensor, modality: str = "text") -> Tensor:
        """Feed the newest tokens (B,), first the start; logits of the next (B, V) float32.

        V are the words, or the codes of pictures.
        """
        return self._decode(state, tokens[:, None], modality, None)[:, -1]

    def decode_targets(
        self,
        memory: Memory,
        targets: Tensor,
        modality: str = "text",
        mask: Tensor | None = None,
        words: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, T, V) float32 of every target (B, T) under teacher forcing.

        Of one input there may be several targets. `mask` (B, T) says which places may be attended
        to, as an input, by those that follow. `words` as in `begin`.
        """
        start = targets.new_full((len(targets), 1), self.start_id(modality))
        inputs = torch.cat([start, targets[:, :-1]], dim=1)
        copies = len(targets) // len(memory.mask)
        state = self.begin(memory, targets.shape[1], copies, modality, words)
        return self._decode(state, inputs, modality, mask)

    def render(self, tokens: Tensor, modality: str) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] of their codes (B, T)."""
        self._check(modality)
        return (self.discrete_vae.decode(tokens) / 2 + 0.5).clamp(0, 1)

    def _decode(
        self, state: DecoderState, tokens: Tensor, modality: str, visible: Tensor | None
    ) -> Tensor:
        if visible is None:
            visible = torch.ones_like(tokens, dtype=torch.bool)
        model = self.config.model
        image = modality == "image"
        if image:
            is_start = tokens == model.image_vocab_size
            tokens = torch.where(is_start, model.vocab_size - 1, tokens + model.vocab_size)
        x = self.decoder(state, self.token_embedder(tokens), image, visible)
        logits: Tensor = self.times_output_table(x, modality).float() / model.emb_dim**0.5
        return logits

    def _check(self, modality: str) -> None:
        if modality not in self.writes:
            raise ValueError(f"{self.family} writes {' and '.join(self.writes)}, not {modality}")
