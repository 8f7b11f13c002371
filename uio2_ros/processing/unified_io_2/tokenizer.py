"""Text to token ids and back: a LLaMA SentencePiece file with Unified-IO 2's own pieces.

The facts are in model.md section 1.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import sentencepiece

from uio2_ros.model.checkpoint import is_pointer
from uio2_ros.model.families.unified_io_2.vocabulary import (
    END_ID,
    RELEASED_VOCABULARY,
    START_ID,
    UNKNOWN_ID,
    VocabularyConfig,
)
from uio2_ros.processing.unified_io_2.wire_format import (
    LENGTH_DELIMITED,
    WireField,
    parse,
    serialize,
)
from uio2_ros.robot.errors import TokenizerError

# sentencepiece_model.proto: ModelProto, its SentencePiece and its TrainerSpec
_MODEL_PIECES, _MODEL_TRAINER = 1, 2
_PIECE_TEXT, _PIECE_SCORE, _PIECE_TYPE = 1, 2, 3
_TRAINER_MODEL_TYPE = 3
_TYPE_NORMAL, _TYPE_UNKNOWN, _TYPE_CONTROL, _TYPE_USER_DEFINED = 1, 2, 3, 4
_MODEL_TYPES = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
_BPE = 2

_REMEDY = "give LLaMA's tokenizer.model or another SentencePiece BPE file like it"


class Tokenizer:
    """The vocabulary of Unified-IO 2 over a SentencePiece BPE file of any size.

    Start and padding are id 0, end 1, unknown 2; the file's other pieces keep their ids, and the
    location, modality and prefix pieces follow them, so every offset depends on the file. Threads
    may share it. Raises TokenizerError for a file that cannot be one.
    """

    start_id = START_ID
    end_id = END_ID
    unknown_id = UNKNOWN_ID

    def __init__(
        self, path: str | os.PathLike[str], vocabulary: VocabularyConfig = RELEASED_VOCABULARY
    ) -> None:
        """vocabulary: which pieces follow; its `text_pieces` are those of the file."""
        self.path = Path(path).expanduser()
        fields = _read_model(self.path)
        pieces = [field.value for field in fields if field.number == _MODEL_PIECES]
        model = _with_unified_io_pieces(self.path, fields, pieces, vocabulary)
        self._processor = _load(self.path, model)
        self.vocabulary = replace(vocabulary, text_pieces=len(pieces))
        self.location_ids = range(len(pieces), len(pieces) + vocabulary.location_bins)

    @property
    def vocab_size(self) -> int:
        """Ids that have a piece (33,225 over LLaMA's 32,000)."""
        return int(self._processor.get_piece_size())

    def piece_id(self, piece: str) -> int:
        """The id of a piece as the file writes it, blanks as `▁`; `unknown_id` if there is none."""
        return int(self._processor.piece_to_id(piece))

    def encode(self, text: str) -> list[int]:
        """Token ids without start and end; `<extra_id_n>` and the prefixes are one token each."""
        return [int(token) for token in self._processor.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Text up to the first end token; ids beyond the vocabulary read as unknown."""
        return str(self._processor.decode(list(self._until_end(ids))))

    def location_id(self, value: float) -> int:
        """The location token of a value in [0, 1]; ValueError outside."""
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"a location is a value in [0, 1], got {value}")
        # rounded to float32 before the floor, as in training; bins then survive a round trip
        location = math.floor(float(np.float32(value * (len(self.location_ids) - 1))))
        return self.location_ids.stop - 1 - location

    def location_value(self, token_id: int) -> float:
        """The value in [0, 1] of a location token; ValueError for any other id."""
        if token_id not in self.location_ids:
            raise ValueError(
                f"{token_id} is no location token; those are {self.location_ids.start} to "
                f"{self.location_ids.stop - 1}"
            )
        return 1.0 - (token_id - self.location_ids.start) / (len(self.location_ids) - 1)

    def location_text(self, value: float) -> str:
        """The location token of a value in [0, 1] as text, for prompts."""
        last = self.vocabulary.extra_ids - 1
        return f"<extra_id_{last - (self.location_id(value) - self.location_ids.start)}>"

    def _until_end(self, ids: Iterable[int]) -> Iterator[int]:
        for token in map(int, ids):
            if token == END_ID:
                return
            if token < 0:
                raise ValueError(f"token ids are not negative, got {token}")
            yield token if token < self.vocab_size else UNKNOWN_ID


def _read_model(path: Path) -> list[WireField]:
    """The fields of the model proto in the file, checked to be a BPE model."""
    try:
        if is_pointer(path):
            raise TokenizerError(
                f"{path} is a git-lfs pointer, not the tokenizer itself: run `git lfs pull` in "
                f"{path.parent}"
            )
        fields = list(parse(path.read_bytes()))
    except OSError as error:
        raise TokenizerError(
            f"cannot read the tokenizer {path}: {error.strerror}; {_REMEDY}"
        ) from error
    except TokenizerError:
        raise
    except ValueError as error:
        raise TokenizerError(f"{path} is not a SentencePiece model ({error}); {_REMEDY}") from error
    trainer = [field for field in fields if field.number == _MODEL_TRAINER]
    if len(trainer) != 1 or trainer[0].wire_type != LENGTH_DELIMITED:
        raise TokenizerError(f"{path} is not a SentencePiece model (no trainer record); {_REMEDY}")
    model_type = _integer_field(path, trainer[0].value, _TRAINER_MODEL_TYPE, default=1)
    if model_type != _BPE:
        found = _MODEL_TYPES.get(model_type, f"type {model_type}")
        raise TokenizerError(f"{path} is a SentencePiece {found} model, expected BPE; {_REMEDY}")
    return fields


def _integer_field(path: Path, message: bytes, number: int, default: int) -> int:
    try:
        values = [field.integer for field in parse(message) if field.number == number]
    except ValueError as error:
        raise TokenizerError(
            f"{path} is a damaged SentencePiece model ({error}); {_REMEDY}"
        ) from error
    return values[-1] if values else default


def _with_unified_io_pieces(
    path: Path, fields: list[WireField], pieces: list[bytes], vocabulary: VocabularyConfig
) -> bytes:
    """The model with start, end, unknown first and Unified-IO 2's pieces last."""
    types = [_integer_field(path, piece, _PIECE_TYPE, _TYPE_NORMAL) for piece in pieces[:3]]
    if types != [_TYPE_UNKNOWN, _TYPE_CONTROL, _TYPE_CONTROL]:
        raise TokenizerError(
            f"{path} does not begin with the pieces unknown, start, end as LLaMA's does; {_REMEDY}"
        )
    unknown, start, end = pieces[:3]
    edited = [start, end, unknown, *pieces[3:], *map(_user_defined_piece, vocabulary.appended())]
    others = [field for field in fields if field.number != _MODEL_PIECES]
    return serialize([WireField.of_bytes(_MODEL_PIECES, piece) for piece in edited] + others)


def _user_defined_piece(text: str) -> bytes:
    marked = "▁" + text.replace(" ", "▁")
    return serialize(
        [
            WireField.of_bytes(_PIECE_TEXT, marked.encode()),
            WireField.of_float(_PIECE_SCORE, 0.0),
            WireField.of_integer(_PIECE_TYPE, _TYPE_USER_DEFINED),
        ]
    )


def _load(path: Path, model: bytes) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise TokenizerError(f"SentencePiece refuses {path}: {error}; {_REMEDY}") from error
