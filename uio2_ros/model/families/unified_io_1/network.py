"""Unified-IO 1: a prompt and a picture in; text and the codes of a picture out.

Reading order: `Encoder` -> `Decoder` -> `UnifiedIO1`. Source: Lu et al. 2022 (arXiv 2206.08916) and
its code. Letters of shapes: B batch, N words, M patches, S = N + M, T decoded so far, H heads, D
channels of a head, E model width, V rows of the shared table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_1.config import UnifiedIO1Config
from uio2_ros.model.families.unified_io_1.position_bias import RelativeBias
from uio2_ros.model.families.unified_io_2.image_vqgan import ImageVQGAN
from uio2_ros.model.families.unified_io_2.layers import KeysValues, RMSNorm, split_heads

MASKED = -1e10  # added to logits of what is not attended to, as in training
START = 0  # the text starts with it
END = 1
TEXT, IMAGE = 0, 1  # rows of the segment tables


class Attention(nn.Module):
    """Multi-head attention without biases; logits are not scaled, that is folded into weights."""

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads * head_dim, bias=False)
        self.key = nn.Linear(width, heads * head_dim, bias=False)
        self.value = nn.Linear(width, heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width, bias=False)

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
        self.wi_0 = nn.Linear(width, hidden, bias=False)
        self.wi_1 = nn.Linear(width, hidden, bias=False)
        self.wo = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))  # type: ignore[no-any-return]


class AbsoluteBias(nn.Module):
    """How well two positions go together, whatever stands there: one bias for all layers."""

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width / heads) ** -0.5  # of the width, not of the head
        self.query = nn.Linear(width, heads * head_dim, bias=False)
        self.key = nn.Linear(width, heads * head_dim, bias=False)

    def forward(self, positions: Tensor) -> Tensor:
        """(S, E) -> (H, S, S)."""
        query = split_heads(self.query(positions)[None], self.heads)[0]  # (H, S, D)
        key = split_heads(self.key(positions)[None], self.heads)[0]
        return query @ key.mT * self.scale


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
    """Keys and values of what was decoded, and what every step needs.

    bias: (H, P, P) over all P positions of the decoder; places: the position of every key, in the
    order in which they were decoded; visible: (B, T) whether a key counts.
    """

    cross: tuple[KeysValues, ...]  # a layer each, (B, H, S, D)
    cross_bias: Tensor  # (B, 1, 1, S)
    bias: Tensor
    own: list[KeysValues]  # a layer each, (B, H, T, D)
    places: Tensor  # (T,)
    visible: Tensor  # (B, T)


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

    def forward(
        self, x: Tensor, past: KeysValues, cross: KeysValues, bias: Tensor, cross_bias: Tensor
    ) -> tuple[Tensor, KeysValues]:
        y = self.pre_self_attention_norm(x)
        new = self.self_attention.keys_values(y)
        seen = KeysValues(*(torch.cat(pair, dim=2) for pair in zip(past, new, strict=True)))
        x = x + self.self_attention(y, seen, bias)
        x = x + self.cross_attention(self.pre_cross_attention_norm(x), cross, cross_bias)
        return x + self.mlp(self.pre_mlp_norm(x)), seen


class Decoder(nn.Module):
    """Words, then the cells of a picture. Nothing of a position enters the cross-attention: the
    tables that files have for it were never used, in training neither."""

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

    def start(self, hidden: Tensor, mask: Tensor) -> DecoderState:
        """What does not change while decoding, for an encoder's output (B, S, E) and its mask."""
        bias = self.absolute_bias(self.position_norm(self.position_embedding.weight))
        bias = bias + self.relative_bias(self.words, self.cells)
        batch, heads = len(hidden), bias.shape[0]
        cross = tuple(layer.cross_attention.keys_values(hidden) for layer in self.layers)
        nothing = hidden.new_zeros(batch, heads, 0, cross[0].keys.shape[-1])
        return DecoderState(
            cross=cross,
            cross_bias=torch.where(mask, 0.0, MASKED)[:, None, None].to(hidden.dtype),
            bias=bias,
            own=[KeysValues(nothing, nothing) for _ in self.layers],
            places=torch.zeros(0, dtype=torch.long, device=hidden.device),
            visible=mask.new_zeros(batch, 0),
        )

    def forward(self, state: DecoderState, x: Tensor, places: Tensor, visible: Tensor) -> Tensor:
        """Go on with embedded tokens (B, Q, E) at positions (Q,) -> (B, Q, E).

        `visible` (B, Q) says which of them later positions, and they themselves, may attend to.
        """
        before = len(state.places)
        state.places = torch.cat([state.places, places])
        state.visible = torch.cat([state.visible, visible], dim=1)
        segments = self.segment_embedding.weight[(places >= self.words).long()]
        x = self.input_norm(x + self.position_embedding.weight[places] + segments)
        order = torch.arange(len(state.places), device=x.device)
        causal = order[before:, None] >= order[None, :]  # (Q, T)
        allowed = causal[None, None] & state.visible[:, None, None, :]  # (B, 1, Q, T)
        bias = state.bias[:, places][:, :, state.places][None]  # (1, H, Q, T)
        bias = bias + torch.where(allowed, 0.0, MASKED).to(bias.dtype)
        for number, layer in enumerate(self.layers):
            x, state.own[number] = layer(
                x, state.own[number], state.cross[number], bias, state.cross_bias
            )
        return self.decoder_norm(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Encoded:
    """The encoder's output."""

    hidden: Tensor  # (B, S, E)
    mask: Tensor  # (B, S) bool


class UnifiedIO1(nn.Module):
    """The whole network. Weights are random until a checkpoint is loaded."""

    def __init__(self, config: UnifiedIO1Config) -> None:
        super().__init__()
        self.config = config
        model = config.model
        rows = model.vocab_size + model.image_vocab_size
        self.token_embedder = nn.Embedding(rows, model.emb_dim)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.discrete_vae = ImageVQGAN(config.image_vqgan)

    @property
    def image_start(self) -> int:
        """The token that a picture starts with: the last row before the codes."""
        return self.config.model.vocab_size - 1

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

    def start(self, encoded: Encoded) -> DecoderState:
        """The state before anything is decoded."""
        return self.decoder.start(encoded.hidden, encoded.mask)  # type: ignore[no-any-return]

    def decode_text(
        self, state: DecoderState, tokens: Tensor, visible: Tensor | None = None
    ) -> Tensor:
        """Logits (B, Q, vocab_size) float32 after words (B, Q), which go on where the last ended."""
        first = int((state.places < self.decoder.words).sum())
        places = torch.arange(first, first + tokens.shape[1], device=tokens.device)
        logits = self._decode(state, tokens, places, visible)
        return logits[..., : self.config.model.vocab_size]

    def decode_image(
        self, state: DecoderState, tokens: Tensor, visible: Tensor | None = None
    ) -> Tensor:
        """Logits (B, Q, codes) float32 after tokens (B, Q): `image_start`, then codes plus
        `vocab_size`."""
        first = int((state.places >= self.decoder.words).sum())
        places = torch.arange(first, first + tokens.shape[1], device=tokens.device)
        logits = self._decode(state, tokens, places + self.decoder.words, visible)
        return logits[..., self.config.model.vocab_size :]

    def _decode(
        self, state: DecoderState, tokens: Tensor, places: Tensor, visible: Tensor | None
    ) -> Tensor:
        if visible is None:
            visible = torch.ones_like(tokens, dtype=torch.bool)
        x = self.decoder(state, self.token_embedder(tokens), places, visible)
        table = self.token_embedder.weight
        return (x @ table.T).float() / self.config.model.emb_dim**0.5
