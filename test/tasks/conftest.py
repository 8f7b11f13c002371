"""What the tests of tasks share: an engine that writes what it is told to, and observations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uio2_ros
from uio2_ros.inference.generation import EngineTimings, Generation
from uio2_ros.inference.sampling import Sampling
from uio2_ros.inference.texts import ConcurrentTexts, TextRequest
from uio2_ros.model.bundle import Bundle
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Example, Processor, Tokenizer
from uio2_ros.tasks import Frame, Observation, TaskRunner, TaskSettings, load_action_spaces

WIDTH = 33280
CERTAIN = 30.0
RENDERED_TOKENS = 3
TIMINGS = EngineTimings(encode=0.25, first_token=0.125, decode=0.5)


@dataclass
class Plans:
    """Texts under way: the tokens that each row is told to write, and how many it was fed."""

    rows: list[list[int]]
    fed: int = 0

    @property
    def batch(self) -> int:
        return len(self.rows)


class ScriptedNetwork:
    """Writes what it is told to, a token in every step, as far as grammars let it."""

    device = torch.device("cpu")

    def start_id(self, modality: str) -> int:
        assert modality == "text"
        return 0

    def prefill(self, encoded: Plans, max_tokens: int) -> Plans:
        assert 1 <= max_tokens <= 512
        return encoded

    def decode_step(self, state: Plans, tokens: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(len(tokens), WIDTH)
        for row, plan in enumerate(state.rows):
            scores[row, plan[min(state.fed, len(plan) - 1)]] = CERTAIN
        state.fed += 1
        return scores


class ScriptedTexts(ConcurrentTexts):
    """Keeps what it was asked for."""

    def __init__(self, requests: list[TextRequest]) -> None:
        super().__init__(ScriptedNetwork())  # type: ignore[arg-type]
        self.requests = requests

    def admit(self, encoded: Any, requests: Sequence[TextRequest]) -> list[Any]:
        self.requests += requests
        return super().admit(encoded, requests)


@dataclass
class ScriptedEngine:
    """Writes the scripted texts, one per example, as far as their grammars let it.

    Its probability for each scripted token is close to 1, its score for each option the number of
    characters. It draws the scripted pictures (256, 256, 3) and makes the scripted sounds, a few
    tokens each. It keeps the prompts, the examples and the settings that it was asked with.
    """

    processor: Processor
    script: list[str] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    sounds: list[np.ndarray] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)
    requests: list[TextRequest] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    negatives: list[Sequence[Example] | None] = field(default_factory=list)
    frames: dict[int, Any] = field(default_factory=dict)
    name: str = "scripted"
    family: str = "unified_io_2"
    synthetic_weights: bool = True
    bundle: Bundle | None = None

    def target_length(self, modality: str) -> int:
        return RENDERED_TOKENS if modality != "text" else 512

    def generate(
        self,
        examples: Sequence[Example],
        modality: str = "text",
        sampling: Sampling | None = None,
        negative: Sequence[Example] | None = None,
        on_token: Callable[[Any], None] | None = None,
        on_rendered: Callable[[int], None] | None = None,
    ) -> list[Generation]:
        assert modality != "text"
        assert sampling is not None
        assert all(example.target == modality for example in examples)
        self._remember(examples)
        self.samplings.append(sampling)
        self.batches.append(len(examples))
        self.negatives.append(negative)
        assert on_rendered is not None
        return self._render(examples, modality, on_token, on_rendered)

    def encode(self, *examples: Example) -> Plans:
        assert all(example.target == "text" for example in examples)
        self._remember(examples)
        self.batches.append(len(examples))
        return Plans([self._plan(self.script.pop(0)) for _ in examples])

    def texts(self) -> ScriptedTexts:
        return ScriptedTexts(self.requests)

    def score(
        self,
        example: Example,
        options: Sequence[str],
        reduction: str = "mean",
        on_scored: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        assert reduction == "mean"
        self._remember([example])
        if on_scored is not None:
            on_scored(0)
        return np.array([len(option) for option in options], np.float32)

    def holds_frame(self, key: int | None) -> bool:
        return key in self.frames

    def precompute_frame(self, key: int, pixels: np.ndarray) -> None:
        self.frames[key] = pixels

    def _remember(self, examples: Sequence[Example]) -> None:
        self.examples.extend(examples)
        decode = self.processor.tokenizer.decode
        self.prompts.extend(
            re.sub(r"^\[(Text|Image|Audio)\] \[S\] ", "", decode(example.text))
            for example in examples
        )

    def _render(
        self,
        examples: Sequence[Example],
        modality: str,
        on_token: Callable[[Any], None] | None,
        on_rendered: Callable[[int], None],
    ) -> list[Generation]:
        for length in range(1, RENDERED_TOKENS + 1):
            if on_token is not None:
                on_token(np.zeros((len(examples), length), np.int64))
        scripted = self.pictures if modality == "image" else self.sounds
        on_rendered(0)
        made = [scripted.pop(0) for _ in examples]
        tokens = [2] * RENDERED_TOKENS
        return [
            Generation(tokens, None, one, None, None, TIMINGS)
            if modality == "image"
            else Generation(tokens, None, None, one, None, TIMINGS)
            for one in made
        ]

    def _plan(self, text: str) -> list[int]:
        return [*self.processor.tokenizer.encode(text), 1]


@pytest.fixture(scope="session")
def processor() -> Processor:
    path = Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model"
    return Processor(ModelConfig.load("tiny"), Tokenizer(path))


@pytest.fixture
def engine(processor: Processor) -> ScriptedEngine:
    return ScriptedEngine(processor)


@pytest.fixture(scope="session")
def shared_runner(processor: Processor) -> TaskRunner:
    """One runner for all tests: sorting the vocabulary takes a moment."""
    spaces = load_action_spaces(Path(__file__).parents[2] / "config" / "action_spaces")
    return TaskRunner(ScriptedEngine(processor), spaces)  # type: ignore[arg-type]


@pytest.fixture
def runner(shared_runner: TaskRunner, engine: ScriptedEngine) -> TaskRunner:
    shared_runner.engine = engine  # type: ignore[assignment]
    return shared_runner


@pytest.fixture
def runner_with(runner: TaskRunner, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TaskRunner]:
    """The runner with other settings of the tasks."""

    def change(**settings: object) -> TaskRunner:
        monkeypatch.setattr(runner, "settings", TaskSettings(**settings))  # type: ignore[arg-type]
        return runner

    return change


def _frame(key: int) -> Frame:
    """A picture of 480 x 640 whose gray level is its key."""
    return Frame(np.full((480, 640, 3), key, np.uint8), stamp_ns=key, frame_id="cam", key=key)


@pytest.fixture
def observation() -> Observation:
    """A picture, two older ones and a second of sound."""
    sound = np.sin(np.arange(16000) / 20).astype(np.float32) / 10
    return Observation(_frame(30), (_frame(10), _frame(20)), sound)


@pytest.fixture(scope="session")
def locations() -> Callable[..., str]:
    """The text of location tokens, by bin 0 to 999."""
    return lambda *bins: " ".join(f"<extra_id_{200 + number}>" for number in bins)
