"""Unified-IO 2 as a family of models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from uio2_ros.inference.defaults import (
    AUDIO_SAMPLING,
    DENSE_SAMPLING,
    IMAGE_SAMPLING,
    SEGMENTATION_SAMPLING,
    TEXT_SAMPLING,
    Defaults,
)
from uio2_ros.inference.families.history_caching_encoder import HistoryCachingEncoder
from uio2_ros.inference.family import ASSETS, LoadOptions, TokenizerSource
from uio2_ros.inference.graphs import Graphs
from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.families.unified_io_2.prompts import NEGATIVE_PROMPTS
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.model.families.unified_io_2.vocabulary import LLAMA_PIECES
from uio2_ros.model.families.unified_io_2.weights import ConfigSource
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.errors import TokenizerError

SYNTHETIC_TOKENIZER = ASSETS / "synthetic_tokenizer.model"


class UnifiedIO2:
    """See `inference.family.Family`."""

    trained_tokenizer = "LLaMA's SentencePiece file (tokenizer.model)"
    synthetic_tokenizer = SYNTHETIC_TOKENIZER
    defaults = Defaults(
        {"text": TEXT_SAMPLING, "image": IMAGE_SAMPLING, "audio": AUDIO_SAMPLING},
        NEGATIVE_PROMPTS,
        dense=DENSE_SAMPLING,
        mask=SEGMENTATION_SAMPLING,
    )

    def recognises(self, config: Mapping[str, Any]) -> bool:
        return "t5_config" in config and "image_history_cfg" in config

    def load(self, files: CheckpointFiles, options: LoadOptions) -> UnifiedIO:
        return UnifiedIO.from_files(files, **vars(options))

    def cast_encoders(self, network: UnifiedIO, dtype: torch.dtype) -> None:
        network.to_dtype(network.dtype, dtype, encoder_dtype=dtype)

    def synthetic(self, config: ConfigSource, device: torch.device) -> UnifiedIO:
        return UnifiedIO.synthetic(config).to(device)

    def processor(
        self, network: UnifiedIO, tokenizer: TokenizerSource, *, own: bool = True
    ) -> Processor:
        config = network.config
        if isinstance(tokenizer, (str, os.PathLike)):
            tokenizer = Tokenizer(tokenizer, config.vocabulary)
        if not isinstance(tokenizer, Tokenizer):
            raise TokenizerError(f"{tokenizer!r} is not the tokenizer of this family, {Tokenizer}")
        if config.is_released and not own:
            _require_llama(tokenizer)
        return Processor(config, tokenizer)

    def example_encoder(
        self,
        network: UnifiedIO,
        processor: Processor,
        *,
        cached_frames: int,
        graphs: Graphs | None = None,
    ) -> HistoryCachingEncoder:
        return HistoryCachingEncoder(network, processor, cached_frames, graphs)


def _require_llama(tokenizer: Tokenizer) -> None:
    """TokenizerError for a file in which LLaMA's pieces have other places."""
    elsewhere = {
        piece: (place, tokenizer.piece_id(piece))
        for piece, place in LLAMA_PIECES.items()
        if tokenizer.piece_id(piece) != place
    }
    if elsewhere:
        raise TokenizerError(
            f"{tokenizer.path} is not the tokenizer of the released models, LLaMA's: "
            + ", ".join(f"{p!r} is {got}, not {want}" for p, (want, got) in elsewhere.items())
        )


FAMILY = UnifiedIO2()
