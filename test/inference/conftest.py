"""What the tests of inference share: an engine with synthetic weights and inputs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_inputs import image, waveform

from uio2_ros.inference import Engine
from uio2_ros.processing import Example

GOLDEN = Path(__file__).parents[1] / "golden"
PROMPT = "Pick up the red mug and place it on the tray."


@pytest.fixture(scope="session")
def golden() -> Any:
    """Arrays of a golden file by its name without suffix."""
    return lambda name: dict(np.load(GOLDEN / f"{name}.npz"))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.synthetic("tiny", device="cpu")


@pytest.fixture(scope="session")
def five_modalities(engine: Engine) -> Example:
    """The inputs of the generations in text.npz."""
    history = [image(480, 640, seed) for seed in (2, 3, 4)]
    return engine.processor(PROMPT, image(480, 640, 1), history, audio=waveform(12.24, 7))


@pytest.fixture(scope="session")
def unequal(engine: Engine, five_modalities: Example) -> list[Example]:
    """Three examples with different modalities, text lengths and picture shapes."""
    make = engine.processor
    return [
        make("Hello."),
        make("What do you see and hear over there?", image(200, 90, 5), audio=waveform(3.0, 1)),
        five_modalities,
    ]
