"""Text to token ids and back: T5's SentencePiece file and the pieces of Unified-IO 1."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, takewhile
from pathlib import Path

import sentencepiece

from uio2_ros.robot.errors import TokenizerError

PAD_ID, END_ID, UNKNOWN_ID = 0, 1, 2
EXTRA_IDS = 1100
"""Pieces `<extra_id_n>` behind those of the file, n falling."""
LOCATION_BINS = 1000
"""How many of them, from the highest n down, are locations."""
T5_PROBE = ("we got a", [62, 530, 3, 9])
"""What T5's own file makes of a text."""

_EXTRA = re.compile(r"<extra_id_(\d+)>")
_NO_BLANK_BEFORE = re.compile(r" (?=[.?!,]|n't|'m|'s|'ve|'re)")
_LONE_QUOTE = re.compile(r" ' ")
_REMEDY = "give the spiece.model of t5-base, or another SentencePiece unigram file like it"


class T5Tokenizer:
    """The vocabulary of Unified-IO 1 over a SentencePiece unigram file of any size.

    Padding and start are id 0, end 1, unknown 2. Threads may share it. Raises TokenizerError for a
    file that cannot be one.
    """

    start_id = PAD_ID
    end_id = END_ID
    unknown_id = UNKNOWN_ID

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_file=str(self.path))
        except (OSError, RuntimeError) as error:
            raise TokenizerError(f"cannot read the tokenizer {path}: {error}; {_REMEDY}") from error
        ids = [self._processor.pad_id(), self._processor.eos_id(), self._processor.unk_id()]
        if ids != [PAD_ID, END_ID, UNKNOWN_ID]:
            raise TokenizerError(
                f"{path} has padding, end and unknown at {ids}, expected 0, 1, 2; {_REMEDY}"
            )
        self.pieces = int(self._processor.get_piece_size())
        self.location_ids = range(self.pieces, self.pieces + LOCATION_BINS)

    @property
    def vocab_size(self) -> int:
        """Ids that have a piece (33,100 over T5's 32,000)."""
        return self.pieces + EXTRA_IDS

    @property
    def is_t5(self) -> bool:
        """Whether the file is that of T5, with which the released models were trained."""
        text, ids = T5_PROBE
        return [int(token) for token in self._processor.encode(text)] == ids

    def encode(self, text: str) -> list[int]:
        """Token ids without the end; what lies between `<extra_id_n>` is tokenised on its own."""
        return list(self._ids(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Text up to the first end token, without blanks before punctuation."""
        kept = takewhile(lambda token: token != END_ID, map(int, ids))
        parts = (self._text(ordinary, list(run)) for ordinary, run in groupby(kept, self._is_piece))
        text = _NO_BLANK_BEFORE.sub("", " ".join(part for part in parts if part))
        return _LONE_QUOTE.sub("'", text)

    def location_id(self, value: float) -> int:
        """The location token of a value in [0, 1]; ValueError outside."""
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"a location is a value in [0, 1], got {value}")
        return self.location_ids.stop - 1 - math.floor(value * (LOCATION_BINS - 1))

    def location_value(self, token_id: int) -> float:
        """The upper edge, in (0, 1], of the bin of a location token; ValueError for any other."""
        if token_id not in self.location_ids:
            raise ValueError(
                f"{token_id} is no location token; those are {self.location_ids.start} to "
                f"{self.location_ids.stop - 1}"
            )
        return (self.location_ids.stop - token_id) / LOCATION_BINS

    def location_text(self, value: float) -> str:
        """The location token of a value in [0, 1] as text, for prompts."""
        return f"<extra_id_{self._extra(self.location_id(value))}>"

    def _ids(self, text: str) -> Iterator[int]:
        end = 0
        for match in _EXTRA.finditer(text):
            number = int(match[1])
            if number < EXTRA_IDS:
                yield from self._words(text[end : match.start()])
                yield self._extra(number)
                end = match.end()
        yield from self._words(text[end:])

    def _words(self, text: str) -> Iterator[int]:
        return map(int, self._processor.encode(text.strip()))

    def _extra(self, number_or_id: int) -> int:
        """The id of `<extra_id_n>`, and n of an id: they fall as the other rises."""
        return self.vocab_size - 1 - number_or_id

    def _is_piece(self, token: int) -> bool:
        if token < 0:
            raise ValueError(f"token ids are not negative, got {token}")
        return token < self.pieces

    def _text(self, ordinary: bool, tokens: list[int]) -> str:
        if ordinary:
            return str(self._processor.decode(tokens)).strip()
        shown = (self._extra(token) for token in tokens if token < self.vocab_size)
        return " ".join(f"<extra_id_{number}>" for number in shown)
