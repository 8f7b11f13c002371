"""What the tests of processing share: tokenizer, tiny configuration, golden files, a video."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sentencepiece

import uio2_ros
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import ProcessingConfig, Processor, Tokenizer
from uio2_ros.processing.unified_io_2.config import processing_config

GOLDEN = Path(__file__).parents[1] / "golden"
SHIPPED_TOKENIZER = Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model"


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """Loads a golden file by name: a dict from .json, arrays by name from .npz."""

    def load(name: str) -> Any:
        if name.endswith(".json"):
            return json.loads((GOLDEN / name).read_text(encoding="utf-8"))
        return dict(np.load(GOLDEN / name))

    return load


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(SHIPPED_TOKENIZER)


@pytest.fixture(scope="session")
def model_config() -> ModelConfig:
    return ModelConfig.load("tiny")


@pytest.fixture(scope="session")
def settings(model_config: ModelConfig) -> ProcessingConfig:
    return processing_config(model_config)


@pytest.fixture(scope="session")
def processor(model_config: ModelConfig, tokenizer: Tokenizer) -> Processor:
    return Processor(model_config, tokenizer)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def train_sentencepiece(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains a SentencePiece file on a few sentences; options as of its trainer."""

    def train(**options: Any) -> Path:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(
                ["the red mug is on the tray"] * 20 + ["go to the blue box"] * 20
            ),
            model_writer=model,
            **{"vocab_size": 300, "byte_fallback": True, "model_type": "bpe", "minloglevel": 2}
            | options,
        )
        path = tmp_path_factory.mktemp("sentencepiece") / "trained.model"
        path.write_bytes(model.getvalue())
        return path

    return train


@pytest.fixture(scope="session")
def coloured_frames() -> npt.NDArray[np.uint8]:
    """20 frames (20, 48, 64, 3), frame i of gray level 20 + 10 i."""
    levels = (20 + 10 * np.arange(20)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (20, 48, 64, 3)).copy()
