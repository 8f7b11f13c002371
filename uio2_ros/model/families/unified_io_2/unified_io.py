"""Unified-IO 2: text, pictures, sound and their histories in; text, pictures and sound out.

Reading order: `embed_inputs` -> `encode` -> `prefill` -> `decode_step`, or `forward` for training.
Letters of shapes: B batch, S encoder sequence, T decoder sequence, E model width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from uio2_ros.model.example import Batch, PatchBatch
from uio2_ros.model.families.unified_io_2.config import TARGET_MODALITIES, ModelConfig
from uio2_ros.model.families.unified_io_2.decoder_rows import DecoderRows
from uio2_ros.model.families.unified_io_2.inputs import (
    HistoryEmbedder,
    HistoryFrames,
    InputSequence,
    PatchEmbedder,
    build_input_embedders,
    concatenate,
)
from uio2_ros.model.families.unified_io_2.static_rows import StaticRows
from uio2_ros.model.families.unified_io_2.targets import (
    TargetEmbedder,
    TargetTokens,
    build_target_embedders,
    shift_right,
)
from uio2_ros.model.families.unified_io_2.teacher_forcing import (
    DecoderInputs,
    Packing,
    decoder_mask,
    same_segment,
    used,
    visible,
)
from uio2_ros.model.families.unified_io_2.transformer import (
    Decoder,
    DecoderLayer,
    DecoderState,
    Encoder,
    Memory,
    empty_cache,
)
from uio2_ros.model.families.unified_io_2.vit import AudioViT, ImageViT
from uio2_ros.model.families.unified_io_2.vocabulary import START_ID
from uio2_ros.model.families.unified_io_2.weights import UnifiedIOWeights


@dataclass(frozen=True)
class Encoded:
    """The encoder's output, and once it was asked for what the decoder remembers of it."""

    hidden: Tensor  # (B, S, E)
    mask: Tensor  # (B, S) bool
    rotary: Tensor  # (B, S, D / 2) complex
    memory: list[Memory] = field(default_factory=list, compare=False)  # one, or none yet


class TargetLogits(NamedTuple):
    """What `forward` gives for a target modality."""

    logits: Tensor  # (B, T, V) float32
    targets: Tensor  # (B, T) int64
    loss_mask: Tensor  # (B, T) bool


class UnifiedIO(UnifiedIOWeights):
    """The whole network. Weights are float32 and random until a checkpoint is loaded."""

    family: ClassVar[str] = ModelConfig.family

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        t5 = config.t5_config
        self.text_token_embedder = nn.Embedding(t5.vocab_size, t5.emb_dim)
        if "image" in config.target_modalities:
            self.image_token_embedder = nn.Embedding(t5.image_vocab_size, t5.emb_dim)
        if "audio" in config.target_modalities:
            self.audio_token_embedder = nn.Embedding(t5.audio_vocab_size, t5.emb_dim)
        self.input_embedders = build_input_embedders(config)
        self.target_embedders = build_target_embedders(config)
        self.encoder = Encoder(t5)
        self.decoder = Decoder(t5)

    # ---- inputs ----

    def embed_inputs(
        self,
        batch: Batch,
        *,
        image_history: HistoryFrames | None = None,
        audio_history: HistoryFrames | None = None,
    ) -> InputSequence:
        """Text, image, image history, audio and audio history, one after another.

        Modalities that no example has take no place. Histories that are already resampled are
        given instead of those of the batch.
        """
        embed = self.text_token_embedder(batch.text)
        parts = [self.input_embedders["text"](embed, batch.text_mask)]
        parts += self._embed_modality("image", batch.image, batch.image_history, image_history)
        parts += self._embed_modality("audio", batch.audio, batch.audio_history, audio_history)
        return concatenate(parts)

    def _embed_modality(
        self,
        modality: str,
        current: PatchBatch | None,
        history: PatchBatch | None,
        resampled: HistoryFrames | None,
    ) -> list[InputSequence]:
        frozen = self.config.freeze_vit
        parts = []
        if current is not None:
            parts.append(self._patch_embedder(modality)(current, frozen))
        if resampled is None and history is not None:
            vit = self._patch_embedder(modality).vit
            resampled = self._history_embedder(modality).encode_batch(vit, history, frozen)
        if resampled is not None:
            parts.append(self._history_embedder(modality)(resampled))
        return parts

    def encode_history(self, modality: str, frames: PatchBatch) -> Tensor:
        """Frames (N, P, dim) of the "image" or segments of the "audio" history -> (N, L, E).

        Depends on each frame alone, so that it can be computed when the frame arrives.
        """
        vit = self._patch_embedder(modality).vit
        return self._history_embedder(modality).encode(vit, frames, self.config.freeze_vit)

    def encode_patches(self, name: str, patches: PatchBatch) -> Tensor:
        """The ViT's features (N, P, width) of patches (N, P, D) of an input modality, for caching.

        name: "image", "image_history", "audio" or "audio_history", whose features differ in width.
        A `PatchInput` that has them in place of its patches, and `encoded`, spares the ViT.
        """
        embedder, frozen = self._input_embedder(name), self.config.freeze_vit
        if isinstance(embedder, HistoryEmbedder):
            vit = self._patch_embedder(name.removesuffix("_history")).vit
            return embedder.features(vit, patches, frozen)
        return self._patch_embedder(name).features(patches, frozen)

    def input_grid(self, name: str) -> tuple[int, int]:
        """Rows and columns of patches of an input modality other than text."""
        return cast("PatchEmbedder | HistoryEmbedder", self._input_embedder(name)).grid

    def patch_dim(self, modality: str) -> int:
        """Numbers of a patch of "image" or "audio"."""
        return self._patch_embedder(modality).vit.embedding.in_features

    def _patch_embedder(self, modality: str) -> PatchEmbedder:
        return cast(PatchEmbedder, self._input_embedder(modality))

    def _history_embedder(self, modality: str) -> HistoryEmbedder:
        return cast(HistoryEmbedder, self._input_embedder(f"{modality}_history"))

    def _input_embedder(self, modality: str) -> nn.Module:
        if modality not in self.input_embedders:
            raise ValueError(
                f"the input has {modality}, which this model does not read: it reads "
                f"{', '.join(self.input_embedders)}"
            )
        return self.input_embedders[modality]

    def encode(self, inputs: InputSequence) -> Encoded:
        """Run the encoder, in its own dtype; the output has that of the inputs."""
        hidden = self.run_encoder(inputs.embed, inputs.rotary, _key_mask(inputs.mask))
        return Encoded(hidden, inputs.mask, inputs.rotary)

    def run_encoder(self, embed: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        """`encode` of tensors (B, S, E), (B, S, D / 2) and (B, 1, 1, S), or None, -> (B, S, E)."""
        exact = embed.to(self.encoder.encoder_norm.scale.dtype)
        return cast(Tensor, self.encoder(exact, rotary, mask)).to(embed.dtype)

    def checkpoint_activations(self, enabled: bool = True) -> UnifiedIO:
        """Train in less memory: encoder and decoder layers are computed again for gradients."""
        self.encoder.checkpointing = self.decoder.checkpointing = enabled
        return self

    def compile_layers(self) -> UnifiedIO:
        """Train faster: layers become fused kernels, built when they are first run.

        By torch.compile, which needs a C++ compiler on a CPU. Lengths may vary. Generation, which
        runs layers token by token, stays as it is.
        """
        for layer in chain(chain.from_iterable(self.many_row_parts()), self.decoder.layers):
            layer.compile(dynamic=True)
        for layer in cast(Iterable[DecoderLayer], self.decoder.layers):
            layer.remember = torch.compile(layer.remember, dynamic=True)  # type: ignore[method-assign]
        return self

    def many_row_parts(self) -> Iterable[nn.ModuleList]:
        """The layers that read whole inputs, of ViTs and encoder."""
        vits = [one for one in self.modules() if isinstance(one, (ImageViT, AudioViT))]
        return [*(vit.blocks for vit in vits), self.encoder.layers]

    def few_row_parts(self) -> Iterable[nn.ModuleList]:
        """The layers that read token by token."""
        return [self.decoder.layers]

    # ---- generation ----

    def remember(self, encoded: Encoded) -> Memory:
        """Cross-attention keys and values of every layer, computed once and not to be changed."""
        if not encoded.memory:
            mask = _key_mask(encoded.mask)
            encoded.memory.append(self.decoder.remember(encoded.hidden, encoded.rotary, mask))
        return encoded.memory[0]

    @property
    def writes(self) -> tuple[str, ...]:
        """The target modalities."""
        return self.config.target_modalities

    def target_length(self, modality: str) -> int:
        """Tokens of every picture or sound, and the most of a text, its end included."""
        return self.target_embedder(modality).max_length

    def start_id(self, modality: str) -> int:
        """The token that the first step is fed."""
        del modality  # all have the same
        return START_ID

    def prefill(
        self, encoded: Encoded, max_tokens: int, copies: int = 1, modality: str = "text"
    ) -> DecoderState:
        """What a generation of at most `max_tokens` steps needs, allocated and computed once.

        Each row of the input is decoded in `copies` rows next to each other, which share its
        memory. It is the same for every modality.
        """
        del modality
        rows = len(encoded.hidden) * copies
        cache = empty_cache(self.config.t5_config, rows, max_tokens, like=encoded.hidden)
        return DecoderState(self.remember(encoded), cache)

    def decode_step(self, state: DecoderState, tokens: Tensor, modality: str = "text") -> Tensor:
        """Feed the newest tokens (B,), first the start token; logits of the next (B, V) float32."""
        assert tokens.shape == (state.batch,), (
            f"tokens {tuple(tokens.shape)}, want ({state.batch},)"
        )
        x, rotary = self.embed_targets(tokens[:, None], modality, start=state.length)
        hidden = self.decoder.step(x, rotary, state)  # (B, 1, E)
        return self.logits(hidden[:, 0], modality)

    def text_rows(self) -> DecoderRows:
        """Texts that are decoded together, of any inputs and lengths; none at first."""
        return DecoderRows(self)

    def static_rows(self, rows: int) -> StaticRows:
        """The same in tensors that stay where they are, with room for so many."""
        return StaticRows(self, rows)

    def embed_targets_at(
        self, tokens: Tensor, modality: str, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decoder inputs (B, T) at positions (B, T) -> (B, T, E) and rotary (B, T, D / 2).

        Positions beyond the last one, of padding, count as it.
        """
        target = self.target_embedder(modality)
        rotary = target.rotary[positions.clamp(max=target.max_length - 1)]
        return self.token_embedder(modality)(tokens) + target.modality_embedding, rotary

    def embed_targets(self, tokens: Tensor, modality: str, start: int = 0) -> tuple[Tensor, Tensor]:
        """Decoder inputs (B, T) from position `start` -> (B, T, E) and rotary (1, T, D / 2)."""
        embed = self.token_embedder(modality)(tokens)
        embedded: tuple[Tensor, Tensor] = self.target_embedder(modality)(embed, start)
        return embedded

    def logits(self, hidden: Tensor, modality: str) -> Tensor:
        """(..., E) -> (..., V) float32, over the vocabulary of `modality`."""
        products = self.times_output_table(hidden, modality)
        return products.float().div_(math.sqrt(hidden.shape[-1]))

    def target_embedder(self, modality: str) -> TargetEmbedder:
        """What turns a modality's tokens into decoder inputs; ValueError for one not written."""
        if modality not in self.target_embedders:
            raise ValueError(
                f"modality {modality!r} is not supported: this model writes "
                f"{', '.join(self.target_embedders)}"
            )
        return cast(TargetEmbedder, self.target_embedders[modality])

    def output_table(self, modality: str) -> Tensor:
        """The rows (V, E) that logits are products with."""
        return self.token_embedder(modality).weight

    def token_embedder(self, modality: str) -> nn.Embedding:
        """The table that is both input embedding and output layer of a modality."""
        return cast(nn.Embedding, getattr(self, f"{modality}_token_embedder"))

    def render(self, tokens: Tensor, modality: str) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] or normalised spectrograms (B, mels, frames).

        Of generated tokens (B, T). Those that are no code become the nearest that is: trained
        weights do not give them.
        """
        return self.target_embedder(modality).render(tokens)

    # ---- training and scoring ----

    def decode_targets(self, memory: Memory, targets: Tensor, modality: str = "text") -> Tensor:
        """Logits (B, T, V) float32 of every target (B, T), right-padded, under teacher forcing."""
        x, rotary = self.embed_targets(shift_right(targets), modality)
        return self.logits(self.decoder(x, rotary, memory), modality)

    def forward(self, batch: Batch, *, dynamic_masking: bool = False) -> dict[str, TargetLogits]:
        """Logits, targets and loss mask of every target modality in the batch.

        dynamic_masking: a target token whose place is hidden in the input is not read by the
            tokens after it (released weights learnt without). What is hidden is said by
            `image_target_hidden` and `audio_target_hidden`; nothing is where they are None.

        Logits of positions that the loss mask leaves out mean nothing. Nothing waits for the
        device when the batch was made by `collate`, unless its examples are packed. Raises
        ValueError for a batch without targets and for targets that this model does not write.
        """
        targets = self.tokenize_targets(batch)
        reading = self._decoder_inputs(targets, dynamic_masking)
        inputs = self.embed_inputs(batch)
        if batch.rows is None:
            hidden = self._forward_plain(inputs, reading)  # (B, T, E)
        else:
            hidden = self._forward_packed(inputs, reading, batch.rows)
        lengths = [part.tokens.shape[1] for part in targets.values()]
        return {
            name: TargetLogits(self.logits(part, name), targets[name].tokens, targets[name].mask)
            for name, part in zip(targets, torch.split(hidden, lengths, dim=1), strict=True)
        }

    def tokenize_targets(self, batch: Batch) -> dict[str, TargetTokens]:
        """The target tokens of every modality in the batch; VQGANs turn pictures and sound to them.

        Raises ValueError as `forward` does.
        """
        given = {name for name in TARGET_MODALITIES if getattr(batch, f"{name}_target") is not None}
        dropped = sorted(given - set(self.target_embedders))
        if dropped:
            raise ValueError(
                f"the batch has targets of {', '.join(dropped)}, which this model does not write: "
                f"it writes {', '.join(self.target_embedders)}"
            )
        if not given:
            raise ValueError(
                "the batch has no target: give text_target, image_target or audio_target to the "
                "processor"
            )
        written = [name for name in TARGET_MODALITIES if name in given]
        tokens = ((name, self.target_embedder(name).tokenize(batch)) for name in written)
        return {name: part for name, part in tokens if part is not None}

    def _decoder_inputs(
        self, targets: Mapping[str, TargetTokens], dynamic_masking: bool
    ) -> DecoderInputs:
        """All targets of every example, one after another."""
        embedded = [self.embed_targets(shift_right(t.read), name) for name, t in targets.items()]
        parts = list(targets.values())
        segments = [torch.full_like(t.tokens[0], index) for index, t in enumerate(parts)]
        return DecoderInputs(
            embed=torch.cat([embed for embed, _ in embedded], dim=1),
            rotary=torch.cat([rotary for _, rotary in embedded], dim=1),
            segments=torch.cat(segments),
            mask=torch.cat([part.mask for part in parts], dim=1),
            used=used(parts),
            visible=visible(parts) if dynamic_masking else None,
            causal=len(parts) == 1 and parts[0].right_padded,
        )

    def _forward_plain(self, inputs: InputSequence, reading: DecoderInputs) -> Tensor:
        """Encoder and decoder over one row per example -> hidden states (N, T, E)."""
        keys = inputs.mask[:, None, None]
        encoded = self.encoder(inputs.embed, inputs.rotary, keys)
        memory = self.decoder.remember(encoded, inputs.rotary, keys)
        return cast(
            Tensor, self.decoder(reading.embed, reading.rotary, memory, reading.self_mask())
        )

    def _forward_packed(
        self, inputs: InputSequence, reading: DecoderInputs, rows: Tensor
    ) -> Tensor:
        """Encoder and decoder over rows that examples share -> hidden states (N, T, E)."""
        source, target = Packing.plan(inputs.mask, rows), Packing.plan(reading.used, rows)
        rotary = source.pack(inputs.rotary)
        own = same_segment(source.examples, source.examples)
        encoded = self.encoder(source.pack(inputs.embed), rotary, own)
        cross = same_segment(target.examples, source.examples)
        memory = self.decoder.remember(encoded, rotary, cross)
        modalities = target.pack(reading.segments[None])
        hidden = self.decoder(
            target.pack(reading.embed),
            target.pack(reading.rotary),
            memory,
            decoder_mask(
                target.examples * len(TARGET_MODALITIES) + modalities,
                target.pack(reading.mask),
                None if reading.visible is None else target.pack(reading.visible),
            ),
        )
        return target.unpack(hidden)


def _key_mask(mask: Tensor) -> Tensor | None:
    """(B, S) -> (B, 1, 1, S) for attention; None when nothing is masked, which is faster."""
    return None if bool(mask.all()) else mask[:, None, None]
