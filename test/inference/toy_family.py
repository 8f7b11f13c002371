"""A family of models of the tests' own: it repeats its prompt, word by word, and sees nothing."""

# ruff: noqa: ARG002  arguments are those of the protocols

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from uio2_ros.inference.defaults import PLAIN
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.inference.family import ASSETS, LoadOptions
from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.processing import Example, Tokenizer

LONGEST, START_ID = 32, 0


@dataclass
class State:
    prompts: Tensor  # (B, T)
    length: int = 0

    @property
    def batch(self) -> int:
        return len(self.prompts)

    def reorder(self, rows: Tensor) -> None:
        self.prompts = self.prompts[rows]


class Parrot:
    """Logits that give the prompt; `loudness` is all there is to load."""

    family = "toy"
    writes = ("text",)
    device = torch.device("cpu")

    def __init__(self, loudness: float, vocabulary: int) -> None:
        self.loudness, self._vocabulary = loudness, vocabulary

    def eval(self) -> Parrot:
        return self

    def target_length(self, modality: str) -> int:
        assert modality == "text"
        return LONGEST

    def start_id(self, modality: str) -> int:
        assert modality == "text"
        return START_ID

    def prefill(self, encoded: Any, max_tokens: int, copies: int = 1, modality: str = "") -> State:
        assert (modality, max_tokens) == ("text", LONGEST)
        return State(encoded.hidden.repeat_interleave(copies, dim=0))

    def decode_step(self, state: State, tokens: Tensor, modality: str = "text") -> Tensor:
        assert tokens.shape == (state.batch,)
        at = min(state.length, state.prompts.shape[1] - 1)
        state.length += 1
        return self._logits(state.prompts[:, at])

    def remember(self, encoded: Any) -> Tensor:
        hidden: Tensor = encoded.hidden
        return hidden

    def decode_targets(self, memory: Tensor, targets: Tensor, modality: str = "text") -> Tensor:
        return self._logits(memory[:, : targets.shape[1]]).expand(len(targets), -1, -1)

    def render(self, tokens: Tensor, modality: str) -> Tensor:
        raise AssertionError("texts are the tokenizer's")

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"loudness": self.loudness}))
        (folder / "pytorch_model.bin").touch()

    def _logits(self, tokens: Tensor) -> Tensor:
        return F.one_hot(tokens, self._vocabulary).float() * self.loudness


class WordProcessor:
    """Prompts as ids, without a prefix."""

    config = SimpleNamespace(max_target_tokens=LONGEST)

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text: str = "", *, target: str | None = None, **_: Any) -> Example:
        ids = torch.tensor([*self.tokenizer.encode(text), self.tokenizer.end_id])
        return Example(text=ids.numpy(), target=target or "text")


class PromptEncoder:
    """The prompts (B, T) are the encoding."""

    def encode(self, examples: Sequence[Example]) -> Any:
        rows = [torch.from_numpy(example.text) for example in examples]
        hidden = pad_sequence(rows, batch_first=True, padding_value=1)
        return SimpleNamespace(hidden=hidden, mask=hidden > 0)

    def holds_frame(self, key: int | None) -> bool:
        return False

    def precompute_frame(self, key: int, pixels: Any) -> None:
        pass

    def capture(self) -> None:
        pass

    def forget(self) -> None:
        pass


class ToyFamily:
    defaults = PLAIN

    trained_tokenizer = "any words (words.model)"
    synthetic_tokenizer = ASSETS / "synthetic_tokenizer.model"

    def recognises(self, config: Mapping[str, Any]) -> bool:
        return "loudness" in config

    def load(self, files: CheckpointFiles, options: LoadOptions) -> Parrot:
        return self.synthetic(json.loads(files.config.read_text())["loudness"], options.device)

    def synthetic(self, config: float, device: torch.device) -> Parrot:
        del device
        return Parrot(config, Tokenizer(SYNTHETIC_TOKENIZER).vocab_size)

    def processor(self, network: Parrot, tokenizer: Any, *, own: bool = True) -> WordProcessor:
        given = isinstance(tokenizer, Tokenizer)
        return WordProcessor(tokenizer if given else Tokenizer(tokenizer))

    def example_encoder(
        self, network: Any, processor: Any, *, cached_frames: int, graphs: Any = None
    ) -> PromptEncoder:
        return PromptEncoder()


FAMILY = ToyFamily()
