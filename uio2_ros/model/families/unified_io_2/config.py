"""The configuration of a Unified-IO 2 model, in the form its checkpoints store it.

Field names, spellings included, are those of the `config.json` of the released checkpoints, so
that reading and writing lose nothing. Fields the released files lack have a default that describes
the released models, and are written only when they differ from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from uio2_ros.model.config_file import read_config, shipped_names, write_config
from uio2_ros.model.families.unified_io_2.vocabulary import RELEASED_VOCABULARY, VocabularyConfig
from uio2_ros.robot.records import UNLESS_DEFAULT, plain, structured

INPUT_MODALITIES = ("text", "image", "image_history", "audio", "audio_history")
TARGET_MODALITIES = ("text", "image", "audio")
CONFIG_DIR = Path(__file__).parent / "configs"
HUB_NAMES = {
    f"{owner}/uio2-{infix}{size}{suffix}": size
    for owner, infix in (("allenai", ""), ("chrisc36", "dbg-"))
    for size in ("large", "xl", "xxl")
    for suffix in ("", "-bfloat16")
}
"""Repositories of released checkpoints, in newer and older documents, by their configuration."""
BOOKKEEPING = frozenset(
    {"_name_or_path", "architectures", "model_type", "torch_dtype", "transformers_version"}
)
"""Keys that libraries add to a `config.json` and that say nothing about shapes."""
Size = tuple[int, int]  # (rows, columns): an image's height and width, a spectrogram's time and mel


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class TransformerConfig:
    """The encoder-decoder transformer, its vocabularies and the sizes of its inputs and targets."""

    vocab_size: int
    image_vocab_size: int
    image_patch_size: int
    audio_vocab_size: int
    emb_dim: int
    num_heads: int
    num_encoder_layers: int
    num_decoder_layers: int
    head_dim: int
    mlp_dim: int
    mlp_activations: tuple[str, ...]
    dropout_rate: float
    dropout_broadcast_dims: tuple[int, ...]
    logits_via_embedding: bool
    float32_attention_logits: bool
    decoder_xattention_internval: int
    qk_norm: bool
    dalle_attn_mask: bool
    dynamic_unk_mask: bool
    encoder_max_image_length: int
    encoder_max_audio_length: int
    encoder_max_text_length: int
    decoder_max_image_length: int
    decoder_max_audio_length: int
    decoder_max_text_length: int
    text_pos_emb: str
    image_pos_emb: str
    audio_pos_emb: str
    image_history_pos_emb: str
    audio_history_pos_emb: str
    image_tokenizer_type: str
    default_image_size: Size
    default_image_vit_size: Size
    default_image_history_vit_size: Size
    default_audio_size: Size
    default_audio_vit_size: Size
    default_audio_history_vit_size: Size
    image_vit_patch_size: int
    audio_patch_size: int
    audio_vit_patch_size: int

    def __post_init__(self) -> None:
        _check_heads("t5_config", self.emb_dim, self.num_heads, self.head_dim)
        _require(
            self.head_dim % 4 == 0,
            f"t5_config: head_dim {self.head_dim} must be a multiple of 4: rotary positions turn "
            "one half of its pairs with the row and the other with the column",
        )
        for name in ("text", "image", "audio", "image_history", "audio_history"):
            kind = getattr(self, f"{name}_pos_emb")
            _require(
                kind == "llama_rope",
                f"t5_config: {name}_pos_emb is {kind!r}; only 'llama_rope' is supported",
            )
        _require(
            self.mlp_activations == ("silu", "linear"),
            f"t5_config: mlp_activations {list(self.mlp_activations)} are not supported, "
            "only ['silu', 'linear']",
        )
        _require(self.qk_norm, "t5_config: qk_norm false is not supported")
        _require(self.logits_via_embedding, "t5_config: logits_via_embedding false not supported")
        _require(
            self.image_tokenizer_type == "vqgan",
            f"t5_config: image_tokenizer_type {self.image_tokenizer_type!r}: only 'vqgan' is known",
        )
        _require(
            self.decoder_xattention_internval >= 1,
            "t5_config: decoder_xattention_internval must be at least 1",
        )
        _check_dropout("t5_config", self.dropout_rate)

    def cross_attends(self, layer: int) -> bool:
        """Whether decoder layer `layer` attends to the encoder (every one in released models)."""
        last = self.num_decoder_layers - 1
        return layer % self.decoder_xattention_internval == 0 or layer == last


@dataclass(frozen=True)
class ResamplerConfig:
    """The perceiver resampler that turns a history frame or segment into a few latents."""

    resampler_type: str
    max_frames: int
    latents_size: int
    emb_dim: int
    num_heads: int
    num_layers: int
    xattention_index: tuple[int, ...]
    head_dim: int
    mlp_dim: int
    mlp_activations: tuple[str, ...]
    dropout_rate: float
    dropout_broadcast_dims: tuple[int, ...]
    droppath_rate: float
    layer_drop: float
    xattn_qk_norm: bool
    xattn_scaled_cosine: bool
    attn_qk_norm: bool
    attn_scaled_cosine: bool
    float32_attention_logits: bool
    clip_attn_logit: float | None
    gelu: Literal["exact", "tanh"] = field(default="exact", metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        _check_heads("history", self.emb_dim, self.num_heads, self.head_dim)
        _require(
            self.resampler_type == "perceiver",
            f"history: resampler_type {self.resampler_type!r}: only 'perceiver' is supported",
        )
        _require(
            self.mlp_activations == ("gelu",),
            f"history: mlp_activations {list(self.mlp_activations)}: only ['gelu'] is supported",
        )
        _require(self.clip_attn_logit is None, "history: clip_attn_logit is not supported")
        for rate in (self.dropout_rate, self.droppath_rate, self.layer_drop):
            _check_dropout("history", rate)


@dataclass(frozen=True)
class ImageViTConfig:
    """The CLIP-style vision transformer of pictures and history frames."""

    patch_size: int
    pos_patch_size: int
    emb_dim: int
    num_heads: int
    num_layers: int
    head_dim: int
    mlp_dim: int
    mlp_activations: tuple[str, ...]
    dropout_rate: float
    dropout_broadcast_dims: tuple[int, ...]
    float32_attention_logits: bool
    default_input_size: Size
    num_pos: int

    def __post_init__(self) -> None:
        _check_vit("image_vit_cfg", self)
        side = round((self.num_pos - 1) ** 0.5)
        _require(
            side * side + 1 == self.num_pos,
            f"image_vit_cfg: num_pos {self.num_pos} must be a square grid and one class position",
        )


@dataclass(frozen=True)
class AudioViTConfig:
    """The AST-style transformer of spectrograms."""

    vit_embed: bool
    patch_size: int
    pos_patch_size: int
    emb_dim: int
    num_heads: int
    num_layers: int
    head_dim: int
    mlp_dim: int
    mlp_activations: tuple[str, ...]
    dropout_rate: float
    dropout_broadcast_dims: tuple[int, ...]
    float32_attention_logits: bool
    default_input_size: Size
    transpose_input: bool
    num_pos: int = field(default=514, metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        _check_vit("audio_vit_cfg", self)
        rows, columns = (side // self.patch_size for side in self.default_input_size)
        _require(
            rows * columns + 2 <= self.num_pos,
            f"audio_vit_cfg: num_pos {self.num_pos} is too few for {rows}x{columns} patches and "
            "the two leading tokens",
        )


@dataclass(frozen=True)
class ImageVQGANConfig:
    """The convolutional tokenizer of generated pictures."""

    embed_dim: int
    n_embed: int
    double_z: bool
    z_channels: int
    resolution: int
    in_channels: int
    out_ch: int
    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_resolutions: tuple[int, ...]
    dropout: float
    default_input_size: Size
    patch_size: Size
    checkpoint_path: str
    norm_groups: int = field(default=32, metadata=UNLESS_DEFAULT)
    """Of channels: a group of one would forget how light a picture is."""

    def __post_init__(self) -> None:
        _require(not self.double_z, "image_vqgan: double_z is not supported")
        _require(
            self.ch % self.norm_groups == 0,
            f"image_vqgan: ch {self.ch} must be a multiple of norm_groups {self.norm_groups}",
        )
        _check_dropout("image_vqgan", self.dropout)


@dataclass(frozen=True)
class AudioVQGANConfig:
    """The transformer tokenizer of generated sound."""

    vocab_size: int
    proj_dim: int
    encoder_hidden_size: int
    encoder_num_layers: int
    encoder_mlp_dim: int
    encoder_num_heads: int
    encoder_head_dim: int
    decoder_hidden_size: int
    decoder_num_layers: int
    decoder_mlp_dim: int
    decoder_num_heads: int
    decoder_head_dim: int
    dropout_rate: float
    droppath_rate: float
    attention_dropout_rate: float
    use_bias: bool
    act_fn: str
    default_input_size: Size
    patch_size: Size
    output_channel: int
    checkpoint_path: str
    use_decoder: bool

    def __post_init__(self) -> None:
        _check_heads(
            "audio_vqgan", self.encoder_hidden_size, self.encoder_num_heads, self.encoder_head_dim
        )
        _check_heads(
            "audio_vqgan", self.decoder_hidden_size, self.decoder_num_heads, self.decoder_head_dim
        )
        _require(self.act_fn == "relu", f"audio_vqgan: act_fn {self.act_fn!r}: only 'relu' known")
        for rate in (self.dropout_rate, self.droppath_rate, self.attention_dropout_rate):
            _check_dropout("audio_vqgan", rate)


@dataclass(frozen=True)
class SequenceLength:
    """How many patches and history frames the preprocessing hands to the model."""

    is_training: bool
    image_input_samples: int
    image_history_input_samples: int
    audio_input_samples: int
    audio_history_input_samples: int
    num_frames: int


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the shapes of a model, as its `config.json` says it."""

    family: ClassVar[str] = "unified_io_2"
    """By which tasks know how to ask (`tasks.task.Task.prompts`)."""
    t5_config: TransformerConfig
    image_history_cfg: ResamplerConfig
    audio_history_cfg: ResamplerConfig
    freeze_vit: bool
    input_modalities: tuple[str, ...]
    target_modalities: tuple[str, ...]
    sequence_length: SequenceLength
    image_vqgan: ImageVQGANConfig
    audio_vqgan: AudioVQGANConfig
    image_vit_cfg: ImageViTConfig
    audio_vit_cfg: AudioViTConfig
    use_image_vit: bool
    use_audio_vit: bool
    use_image_history_vit: bool
    use_audio_history_vit: bool
    vocabulary: VocabularyConfig = field(default=RELEASED_VOCABULARY, metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        _check_modalities("input_modalities", self.input_modalities, INPUT_MODALITIES)
        _check_modalities("target_modalities", self.target_modalities, TARGET_MODALITIES)
        _require("text" in self.input_modalities, "input_modalities: a prompt needs 'text'")
        for name in ("image", "audio"):
            _require(
                name in self.input_modalities or f"{name}_history" not in self.input_modalities,
                f"input_modalities: '{name}_history' needs '{name}', whose ViT it shares",
            )
        for name in ("use_image_vit", "use_audio_vit", "use_image_history_vit"):
            _require(getattr(self, name), f"{name} false is not supported")
        _require(self.use_audio_history_vit, "use_audio_history_vit false is not supported")
        for history in (self.image_history_cfg, self.audio_history_cfg):
            _require(
                self.sequence_length.num_frames <= history.max_frames,
                f"sequence_length: num_frames {self.sequence_length.num_frames} exceeds "
                f"max_frames {history.max_frames} of the history tables",
            )
        _require(
            self.vocabulary.size <= self.t5_config.vocab_size,
            f"t5_config: vocab_size {self.t5_config.vocab_size} is too small for the "
            f"{self.vocabulary.size} pieces of 'vocabulary': {self.vocabulary}",
        )

    @property
    def is_released(self) -> bool:
        """Whether the sizes are those of a released checkpoint."""
        released = (ModelConfig.load(name) for name in sorted(set(HUB_NAMES.values())))
        return any(self.t5_config == one.t5_config for one in released)

    @staticmethod
    def load(source: ModelConfig | str | Path | Mapping[str, Any]) -> ModelConfig:
        """A configuration by shipped name, from a `config.json` or its directory, or from a dict.

        The hub ids of released checkpoints are names, too; nothing is downloaded.
        Raises ValueError for unknown or missing keys, values of the wrong type and settings that
        this implementation does not have; FileNotFoundError, listing the shipped names, for a
        name that is neither shipped nor a path.
        """
        if isinstance(source, ModelConfig):
            return source
        if isinstance(source, Mapping):
            return _read(source, "config")
        return _read(*read_config(source, CONFIG_DIR, HUB_NAMES))

    def to_dict(self) -> dict[str, Any]:
        """The content of `config.json`: what was read, key for key."""
        data: dict[str, Any] = plain(self)
        return data

    def save(self, path: str | Path) -> None:
        """Write `config.json`."""
        write_config(self, path)


def _read(data: Any, where: str) -> ModelConfig:
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if key not in BOOKKEEPING}
    return structured(data, ModelConfig, where)


def shipped_configs() -> tuple[str, ...]:
    """The names that `ModelConfig.load` knows without a file."""
    return shipped_names(CONFIG_DIR)


def _check_modalities(where: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    ordered = tuple(name for name in known if name in given)
    _require(
        len(given) > 0 and given == ordered,
        f"{where} {list(given)} must be some of {list(known)}, in this order",
    )


def _check_heads(where: str, emb_dim: int, num_heads: int, head_dim: int) -> None:
    _require(
        emb_dim == num_heads * head_dim,
        f"{where}: width {emb_dim} must be num_heads x head_dim = {num_heads} x {head_dim}",
    )


def _check_dropout(where: str, rate: float) -> None:
    _require(rate == 0, f"{where}: a dropout rate of {rate} is not supported, only 0")


def _check_vit(where: str, config: ImageViTConfig | AudioViTConfig) -> None:
    _check_heads(where, config.emb_dim, config.num_heads, config.head_dim)
    _check_dropout(where, config.dropout_rate)
    _require(config.num_layers >= 2, f"{where}: features need at least 2 layers")
    _require(
        config.mlp_activations == ("gelu",),
        f"{where}: mlp_activations {list(config.mlp_activations)}: only ['gelu'] is supported",
    )
