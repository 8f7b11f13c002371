"""Unified-IO 2: text, pictures, sound and their histories in; text, pictures and sound out.

Reading order: `embed_inputs` -> `encode` -> `prefill` -> `decode_step`, or `forward` for training.
Letters of shapes: B batch, S encoder sequence, T decoder sequence, E model width, V vocabulary.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model import checkpoint
from uio2_ros.model.families.unified_io_2.config import TARGET_MODALITIES, ModelConfig
from uio2_ros.model.families.unified_io_2.inputs import (
    HistoryEmbedder,
    HistoryFrames,
    InputSequence,
    PatchEmbedder,
    build_input_embedders,
    concatenate,
)
from uio2_ros.model.families.unified_io_2.official_names import official_name
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
    DecoderState,
    Encoder,
    Memory,
    empty_cache,
)
from uio2_ros.model.quantization import check_quantization, quantize_linears
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.synthetic import synthetic_state_dict
from uio2_ros.processing.example import Batch, PatchBatch

VIT_PART, VQGAN_PART = ".vit.", ".vqgan."  # in names of parameters with a dtype of their own
SHARD_BYTES = 5 * 10**9


@dataclass(frozen=True)
class Encoded:
    """The encoder's output."""

    hidden: Tensor  # (B, S, E)
    mask: Tensor  # (B, S) bool
    rotary: Tensor  # (B, S, D / 2) complex


class TargetLogits(NamedTuple):
    """What `forward` gives for a target modality."""

    logits: Tensor  # (B, T, V) float32
    targets: Tensor  # (B, T) int64
    loss_mask: Tensor  # (B, T) bool


class UnifiedIO(nn.Module):
    """The whole network. Weights are float32 and random until a checkpoint is loaded."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.quantization: str | None = None
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

    @staticmethod
    def from_config(config: ModelConfig | str | Path | Mapping[str, Any]) -> UnifiedIO:
        """A model with random weights; `config` as for `ModelConfig.load`."""
        return UnifiedIO(ModelConfig.load(config))

    @staticmethod
    def synthetic(config: ModelConfig | str | Path | Mapping[str, Any] = "tiny") -> UnifiedIO:
        """A model with the deterministic weights of `model.synthetic`, ready for inference."""
        with without_weights():
            model = UnifiedIO.from_config(config)
        model.load_official_state_dict(synthetic_state_dict(model.official_shapes()))
        return model.eval()

    @staticmethod
    def from_pretrained(
        id_or_dir: str | os.PathLike[str],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
        quantize: str | None = None,
    ) -> UnifiedIO:
        """A released model, from a directory in the hub's layout or a hub id, ready for inference.

        With `input_modalities` or `target_modalities`, only what they need is loaded, see
        `set_modalities`. Weights keep the dtypes they are stored in, or are cast to `dtype` except
        for the ViTs and VQGANs, which then are float32. Tensors are mapped from the file, not read:
        those that keep device and dtype are the file's own pages, the others are moved one by one.
        So memory never holds weights twice, and the file must not change while the model is in use.
        With `quantize`, as for the method, they are quantised on the way.

        Raises CheckpointError for a configuration or files that cannot be read and for tensors
        that are unknown, missing or mis-shaped, ValueError for a `quantize` that does not exist.
        """
        check_quantization(quantize)
        files = checkpoint.locate(id_or_dir, revision=revision, token=token, cache_dir=cache_dir)
        with without_weights():
            model = UnifiedIO(checkpoint.read_config(files.config))
        state = checkpoint.read_state_dict(files.weights)
        checkpoint.check_state_dict(state, model.official_shapes())
        kept = model.set_modalities(input_modalities, target_modalities).official_shapes()
        state = {name: state[name] for name in kept}
        if quantize is None:
            model._take_over(state, device, dtype)
        else:
            model._take_over(state, "cpu", None)
            del state
            model.quantize(quantize)._leave_file(dtype).to(device)
        return model.eval()

    def save_pretrained(
        self, directory: str | os.PathLike[str], *, max_shard_bytes: int = SHARD_BYTES
    ) -> None:
        """Write `config.json` and safetensors, the hub's layout.

        Weights of more than `max_shard_bytes` are written as shards of at most that, with an
        index. Raises ValueError for a limit below 1 and for a quantised model.
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder / checkpoint.CONFIG_FILE)
        checkpoint.write_safetensors(self.official_state_dict(), folder, max_shard_bytes)

    # ---- weights ----

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.text_token_embedder.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """That of the transformer; the ViTs and VQGANs may differ."""
        return self.text_token_embedder.weight.dtype

    def official_state_dict(self) -> dict[str, Tensor]:
        """Every tensor under the name it has in the released checkpoints.

        ValueError for a quantised model, whose tensors have no such names.
        """
        self._check_official()
        return {official_name(name): tensor for name, tensor in self.state_dict().items()}

    def official_shapes(self) -> dict[str, tuple[int, ...]]:
        """Official name -> shape, what a checkpoint must hold."""
        self._check_official()
        return {official_name(name): tuple(p.shape) for name, p in self.named_parameters()}

    def _check_official(self) -> None:
        if self.quantization is not None:
            raise ValueError(
                f"the model is quantised to {self.quantization}: save or load weights before that"
            )

    def load_official_state_dict(
        self,
        state: Mapping[str, Tensor],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Take over the tensors of a checkpoint (no copy where device and dtype already fit).

        CheckpointError lists tensors that are unknown, missing or mis-shaped; then nothing is
        loaded.
        """
        checkpoint.check_state_dict(state, self.official_shapes())
        self._take_over(state, device, dtype)

    def _take_over(
        self,
        state: Mapping[str, Tensor],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        """Make the tensors of a checkpoint that was checked the parameters."""
        current = None if self.device.type == "meta" else self.device
        target = torch.device(device) if device is not None else current
        for path, module in self.named_modules():
            for leaf, parameter in module.named_parameters(recurse=False):
                name = f"{path}.{leaf}" if path else leaf
                wanted = None if dtype is None else _dtype_of(name, dtype)
                placed = state[official_name(name)].to(target).to(wanted)
                setattr(module, leaf, nn.Parameter(placed, parameter.requires_grad))
        if target is not None and any(buffer.device != target for buffer in self.buffers()):
            self.to(target)

    def to_dtype(
        self,
        dtype: torch.dtype,
        vit_dtype: torch.dtype = torch.float32,
        vqgan_dtype: torch.dtype = torch.float32,
    ) -> UnifiedIO:
        """Cast the weights in place: the ViTs, the VQGANs and all else.

        `.to(dtype)` would cast the rotary tables as well. Raises ValueError for a dtype that is
        not floating-point.
        """
        for one in (dtype, vit_dtype, vqgan_dtype):
            if not one.is_floating_point:
                raise ValueError(f"weights cannot be {one}: give floating-point dtypes")
        for name, parameter in self.named_parameters():
            wanted = _dtype_of(name, dtype, vit_dtype, vqgan_dtype)
            parameter.data = parameter.data.to(wanted)
        return self

    def quantize(self, kind: str) -> UnifiedIO:
        """Hold the linear layers of encoder and decoder as "int8", in place, for inference.

        They take a quarter of their float32 memory and are computed in the dtype of what they
        read. Raises ValueError for another kind and for a model that is quantised already.
        """
        check_quantization(kind)
        if self.quantization is not None:
            raise ValueError(f"the model is quantised to {self.quantization} already")
        quantize_linears(self.encoder)
        quantize_linears(self.decoder)
        self.quantization = kind
        return self

    def _leave_file(self, dtype: torch.dtype | None) -> UnifiedIO:
        """Cast the parameters as `to_dtype` does, or copy them, so that no page is a file's."""
        for name, parameter in self.named_parameters():
            wanted = parameter.dtype if dtype is None else _dtype_of(name, dtype)
            parameter.data = parameter.data.to(wanted, copy=True)
        return self

    def set_modalities(
        self,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
    ) -> UnifiedIO:
        """Keep what these modalities need and drop all other parameters, in place.

        None keeps all there are. The configuration follows, so that the smaller model can be saved.
        Raises ValueError for modalities that the model does not have, for inputs without text and
        for a history without the modality whose ViT it shares.
        """
        config = self.config
        self.config = replace(
            config,
            input_modalities=_kept("input", input_modalities, config.input_modalities),
            target_modalities=_kept("target", target_modalities, config.target_modalities),
        )
        for name in set(config.input_modalities) - set(self.config.input_modalities):
            del self.input_embedders[name]
        for name in set(config.target_modalities) - set(self.config.target_modalities):
            del self.target_embedders[name]
            if name != "text":  # prompts need its table
                delattr(self, f"{name}_token_embedder")
        return self

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
        """Run the encoder."""
        hidden = self.encoder(inputs.embed, inputs.rotary, _key_mask(inputs.mask))
        return Encoded(hidden, inputs.mask, inputs.rotary)

    def checkpoint_activations(self, enabled: bool = True) -> UnifiedIO:
        """Train in less memory: encoder and decoder layers are computed again for gradients."""
        self.encoder.checkpointing = self.decoder.checkpointing = enabled
        return self

    # ---- generation ----

    def remember(self, encoded: Encoded) -> Memory:
        """Cross-attention keys and values of every layer."""
        return self.decoder.remember(encoded.hidden, encoded.rotary, _key_mask(encoded.mask))

    def prefill(self, encoded: Encoded, max_tokens: int, copies: int = 1) -> DecoderState:
        """What a generation of at most `max_tokens` steps needs, allocated and computed once.

        Each row of the input is decoded in `copies` rows next to each other, which share its
        memory.
        """
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

    def embed_targets(self, tokens: Tensor, modality: str, start: int = 0) -> tuple[Tensor, Tensor]:
        """Decoder inputs (B, T) from position `start` -> (B, T, E) and rotary (1, T, D / 2)."""
        embed = self.token_embedder(modality)(tokens)
        embedded: tuple[Tensor, Tensor] = self.target_embedder(modality)(embed, start)
        return embedded

    def logits(self, hidden: Tensor, modality: str) -> Tensor:
        """(..., E) -> (..., V) float32, over the vocabulary of `modality`."""
        table = self.token_embedder(modality).weight
        return F.linear(hidden, table).float().div_(math.sqrt(hidden.shape[-1]))

    def target_embedder(self, modality: str) -> TargetEmbedder:
        """What turns a modality's tokens into decoder inputs; ValueError for one not written."""
        if modality not in self.target_embedders:
            raise ValueError(
                f"modality {modality!r} is not supported: this model writes "
                f"{', '.join(self.target_embedders)}"
            )
        return cast(TargetEmbedder, self.target_embedders[modality])

    def token_embedder(self, modality: str) -> nn.Embedding:
        """The table that is both input embedding and output layer of a modality."""
        return cast(nn.Embedding, getattr(self, f"{modality}_token_embedder"))

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
        embedded = [self.embed_targets(shift_right(t.tokens), name) for name, t in targets.items()]
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


def _dtype_of(
    name: str,
    dtype: torch.dtype,
    vit_dtype: torch.dtype = torch.float32,
    vqgan_dtype: torch.dtype = torch.float32,
) -> torch.dtype:
    """The dtype of the parameter called `name`."""
    if VIT_PART in name:
        return vit_dtype
    return vqgan_dtype if VQGAN_PART in name else dtype


def _kept(kind: str, wanted: Sequence[str] | None, present: tuple[str, ...]) -> tuple[str, ...]:
    """The present modalities that are wanted, in their order."""
    if wanted is None:
        return present
    unknown = sorted(set(wanted) - set(present))
    if unknown or isinstance(wanted, str):
        raise ValueError(
            f"{kind}_modalities must be some of {', '.join(present)}, which this model has, got "
            f"{wanted if isinstance(wanted, str) else ', '.join(wanted)}"
        )
    return tuple(name for name in present if name in wanted)
