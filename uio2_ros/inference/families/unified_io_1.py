"""Unified-IO 1 as a family of models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from uio2_ros.inference.defaults import PLAIN
from uio2_ros.inference.families.one_picture_encoder import OnePictureEncoder
from uio2_ros.inference.family import ASSETS, LoadOptions, TokenizerSource
from uio2_ros.inference.graphs import Graphs
from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.families.unified_io_1.network import UnifiedIO1
from uio2_ros.model.families.unified_io_1.released import SIZES
from uio2_ros.model.families.unified_io_1.weights import ConfigSource
from uio2_ros.processing.unified_io_1 import T5Tokenizer, UnifiedIO1Processor
from uio2_ros.robot.errors import TokenizerError


class UnifiedIO1Family:
    """See `inference.family.Family`."""

    trained_tokenizer = "T5's SentencePiece file (spiece.model of t5-base)"
    synthetic_tokenizer = ASSETS / "synthetic_t5_tokenizer.model"
    defaults = PLAIN

    def recognises(self, config: Mapping[str, Any]) -> bool:
        return "model" in config and "vqgan" in config

    def load(self, files: CheckpointFiles, options: LoadOptions) -> UnifiedIO1:
        return UnifiedIO1.from_files(
            files,
            device=options.device,
            dtype=options.dtype,
            quantize=options.quantize,
        )

    def cast_encoders(self, network: UnifiedIO1, dtype: torch.dtype) -> None:
        """It has none."""

    def synthetic(self, config: ConfigSource, device: torch.device) -> UnifiedIO1:
        return UnifiedIO1.synthetic(config).to(device)

    def processor(
        self, network: UnifiedIO1, tokenizer: TokenizerSource, *, own: bool = True
    ) -> UnifiedIO1Processor:
        if isinstance(tokenizer, (str, os.PathLike)):
            tokenizer = T5Tokenizer(tokenizer)
        if not isinstance(tokenizer, T5Tokenizer):
            raise TokenizerError(f"{tokenizer!r} is not the tokenizer of this family, T5Tokenizer")
        released = any(network.config == network.config.load(name) for name in SIZES)
        if released and not own and not tokenizer.is_t5:
            raise TokenizerError(
                f"{tokenizer.path} is not the tokenizer of the released models, T5's: give the "
                "spiece.model of t5-base"
            )
        return UnifiedIO1Processor(network.config, tokenizer)

    def example_encoder(
        self,
        network: UnifiedIO1,
        processor: UnifiedIO1Processor,
        *,
        cached_frames: int,
        graphs: Graphs | None = None,
    ) -> OnePictureEncoder:
        del processor, cached_frames, graphs
        return OnePictureEncoder(network)


FAMILY = UnifiedIO1Family()
