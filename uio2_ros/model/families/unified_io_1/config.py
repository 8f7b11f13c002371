"""The configuration of a Unified-IO 1 model: the fields of its original code. No torch.

The released weight files hold none, so the four released sizes ship with this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from uio2_ros.model.config_file import read_config, shipped_names, write_config
from uio2_ros.model.families.unified_io_2.config import ImageVQGANConfig
from uio2_ros.robot.records import UNLESS_DEFAULT, structured

CONFIG_DIR = Path(__file__).parent / "configs"
NAME_PREFIX = "uio1-"
NAMES = {NAME_PREFIX + name: name for name in shipped_names(CONFIG_DIR)}
Size = tuple[int, int]  # rows, columns


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the transformer; what the released models do not vary may have one value only."""

    vocab_size: int
    """Rows of words, locations and the start of a picture; the codes follow."""
    image_vocab_size: int
    image_patch_size: int
    dtype: str
    emb_dim: int
    num_heads: int
    num_encoder_layers: int
    num_decoder_layers: int
    head_dim: int
    mlp_dim: int
    mlp_activations: tuple[str, ...]
    dropout_rate: float
    logits_via_embedding: Literal[True]
    float32_attention_logits: bool
    encoder_max_image_length: int
    encoder_max_text_length: int
    decoder_max_image_length: int
    decoder_max_text_length: int
    visual_backbone_type: str | None
    visual_backbone_feature: str | None
    default_image_size: Size
    num_seg_emb: int
    relative_buckets: int = field(default=32, metadata=UNLESS_DEFAULT)
    relative_max_distance: int = field(default=128, metadata=UNLESS_DEFAULT)
    extra_ids: int = field(default=1100, metadata=UNLESS_DEFAULT)
    """Pieces after those of the tokenizer: `<extra_id_n>`, in falling order."""
    location_bins: int = field(default=1000, metadata=UNLESS_DEFAULT)
    """How many of them are locations, from the highest n down."""

    def __post_init__(self) -> None:
        if self.mlp_activations != ("gelu", "linear"):
            raise ValueError(f"mlp_activations {self.mlp_activations}: only gelu, linear")
        if self.visual_backbone_type or self.visual_backbone_feature:
            raise ValueError("a visual backbone is not supported: patches are projected")
        if self.dropout_rate:
            raise ValueError(f"a dropout_rate of {self.dropout_rate} is not supported, only 0")
        rows, columns = self.default_image_size
        size = self.image_patch_size
        if rows % size or columns % size:
            raise ValueError(f"pictures of {rows}x{columns} are not whole patches of {size}")
        if rows // size * (columns // size) != self.encoder_max_image_length:
            raise ValueError(
                f"pictures of {rows}x{columns} in patches of {size} are not the "
                f"{self.encoder_max_image_length} patches of encoder_max_image_length"
            )


@dataclass(frozen=True)
class VQGANConfig:
    """The tokenizer of pictures, the same for all released sizes."""

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
    dtype: str


@dataclass(frozen=True)
class UnifiedIO1Config:
    """A whole model. `load` takes what a user has: a name, a file or its content."""

    model: TransformerConfig
    vqgan: VQGANConfig

    @staticmethod
    def load(source: UnifiedIO1Config | str | Path | Mapping[str, Any]) -> UnifiedIO1Config:
        """From a name such as "small" or "uio1-small", a config.json, its directory or content.

        Raises ValueError for values that cannot be, FileNotFoundError for a source there is not.
        """
        if isinstance(source, UnifiedIO1Config):
            return source
        if isinstance(source, Mapping):
            return structured(source, UnifiedIO1Config, "config")
        data, where = read_config(source, CONFIG_DIR, NAMES)
        return structured(data, UnifiedIO1Config, where)

    def save(self, path: str | Path) -> None:
        """Write `config.json`."""
        write_config(self, path)

    @property
    def input_grid(self) -> Size:
        """Rows and columns of the patches of an input picture."""
        rows, columns = self.model.default_image_size
        return rows // self.model.image_patch_size, columns // self.model.image_patch_size

    @property
    def target_grid(self) -> Size:
        """Rows and columns of the codes of a generated picture."""
        side = self.vqgan.resolution // 2 ** (len(self.vqgan.ch_mult) - 1)
        return side, side

    @property
    def image_vqgan(self) -> ImageVQGANConfig:
        """The tokenizer as the network of all families takes it."""
        fields = {name: value for name, value in vars(self.vqgan).items() if name != "dtype"}
        side, stride = self.vqgan.resolution, 2 ** (len(self.vqgan.ch_mult) - 1)
        return ImageVQGANConfig(
            **fields,
            default_input_size=(side, side),
            patch_size=(stride, stride),
            checkpoint_path="",
        )
