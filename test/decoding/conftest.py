"""What the tests of decoding share: a vocabulary of words, the real tokenizer, random writers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uio2_ros
from uio2_ros.decoding import Grammar, Symbols, Vocabulary
from uio2_ros.processing import Tokenizer

STEP_WORDS = "1: 2: 3: pick push from place to and ( )"
THING_WORDS = "nose left right eye cup red green table go stop forward"
BINS = 20


class WordVocabulary:
    """Every word is a token; 20 location tokens after them, then two special ones."""

    start_id, end_id, unknown_id = 0, 1, 2

    def __init__(self) -> None:
        self.pieces = ["<s>", "</s>", "<unk>", *STEP_WORDS.split(), *THING_WORDS.split()]
        self.pieces += [" ", "\n", "\x00"]
        self.location_ids = range(len(self.pieces), len(self.pieces) + BINS)
        self.pieces += [f"<loc{number}>" for number in reversed(range(BINS))] + ["[A]", "[B]"]

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    def location_id(self, value: float) -> int:
        return self.location_ids[-1] - int(value * (BINS - 1))

    def location_value(self, token: int) -> float:
        return (self.location_ids[-1] - token) / (BINS - 1)

    def encode(self, text: str) -> list[int]:
        return [self.pieces.index(word) for word in text.split()]

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(self.pieces[token] for token in ids)


@pytest.fixture(scope="session")
def words() -> WordVocabulary:
    return WordVocabulary()


@pytest.fixture(scope="session")
def symbols(words: WordVocabulary) -> Symbols:
    return Symbols.of(words)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model")


@pytest.fixture(scope="session")
def tokenizer_symbols(tokenizer: Tokenizer) -> Symbols:
    return Symbols.of(tokenizer)


def _write(grammar: Grammar, seed: int) -> Iterator[int]:
    """Random allowed tokens until the end."""
    rng = np.random.default_rng(seed)
    end, state = grammar.symbols.vocabulary.end_id, grammar.initial()
    while True:
        token = int(rng.choice(np.flatnonzero(grammar.allowed(state))))
        state = grammar.advance(state, token)
        if token == end:
            return
        yield token


@pytest.fixture(scope="session")
def write() -> Callable[[Grammar, int], list[int]]:
    """A random text of a grammar, without its end token."""
    return lambda grammar, seed: list(_write(grammar, seed))


def _accepts(grammar: Grammar, tokens: Sequence[int]) -> bool:
    state = grammar.initial()
    for token in [*tokens, grammar.symbols.vocabulary.end_id]:
        if not grammar.allowed(state)[token]:
            return False
        state = grammar.advance(state, token)
    return True


@pytest.fixture(scope="session")
def accepts() -> Callable[[Grammar, Sequence[int]], bool]:
    """Whether a grammar allows some tokens and then the end."""
    return _accepts


@pytest.fixture(scope="session")
def boxes_text(words: Vocabulary) -> Callable[..., list[int]]:
    """Tokens of values and words, for example (0.0, 1.0, "red cup")."""

    def write_boxes(*parts: float | str) -> list[int]:
        ids: list[int] = []
        for part in parts:
            ids += words.encode(part) if isinstance(part, str) else [words.location_id(part)]
        return ids

    return write_boxes


@pytest.fixture(scope="session")
def golden_keypoints() -> list[int]:
    """Tokens the released code gives with part names forced, without start and end."""
    golden = np.load(Path(__file__).parents[1] / "golden" / "keypoints_forced.npz")
    tokens: list[int] = golden["tokens"].tolist()
    return tokens[1:-1]


@pytest.fixture(scope="session")
def golden_tasks() -> dict[str, Any]:
    """Tokens of the released code's tasks and what it makes of them."""
    path = Path(__file__).parents[1] / "golden" / "tasks.json"
    golden: dict[str, Any] = json.loads(path.read_text())
    return golden
