"""What the tests of the network share: golden files, the synthetic models and their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_inputs import image, waveform

import uio2_ros.model
from uio2_ros.model import UnifiedIO
from uio2_ros.processing import Example, Processor, Tokenizer

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER = Path(uio2_ros.model.__file__).parents[1] / "assets" / "synthetic_tokenizer.model"
PROMPT = "Pick up the red mug and place it on the tray."


@pytest.fixture(scope="session")
def golden() -> Any:
    """Arrays of a golden file by its name without suffix."""
    return lambda name: dict(np.load(GOLDEN / f"{name}.npz"))


@pytest.fixture(scope="session")
def model() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny").requires_grad_(False)


@pytest.fixture(scope="session")
def processor(model: UnifiedIO) -> Processor:
    return Processor(model.config, Tokenizer(TOKENIZER))


@pytest.fixture(scope="session")
def five_modalities(processor: Processor) -> Example:
    """The inputs of encoder.npz."""
    history = [image(480, 640, seed) for seed in (2, 3, 4)]
    return processor(PROMPT, image(480, 640, 1), history, audio=waveform(12.24, 7))
