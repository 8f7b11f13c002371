"""The vocabulary of Unified-IO 2 over SentencePiece files, the shipped one and others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.processing import Tokenizer
from uio2_ros.robot.errors import TokenizerError


def test_golden_texts_encode_and_decode(tokenizer: Tokenizer, golden: Callable[[str], Any]) -> None:
    expected = golden("tokenizer.json")
    assert tokenizer.vocab_size == expected["vocab_size"]
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.unknown_id) == (
        expected["bos"],
        expected["eos"],
        expected["unk"],
    )
    for case in expected["cases"]:
        assert tokenizer.encode(case["text"]) == case["ids"]
        assert tokenizer.decode(case["ids"]) == case["decoded"]


def test_location_tokens_of_a_llama_vocabulary(tokenizer: Tokenizer) -> None:
    assert tokenizer.location_ids == range(32000, 33000)
    assert tokenizer.encode("<extra_id_200>") == [32999] == [tokenizer.location_id(0.0)]
    assert tokenizer.encode("<extra_id_1199>") == [32000] == [tokenizer.location_id(1.0)]
    assert tokenizer.location_text(0.5) == "<extra_id_699>"


def test_every_location_survives_a_round_trip(tokenizer: Tokenizer) -> None:
    for token in tokenizer.location_ids:
        assert tokenizer.location_id(tokenizer.location_value(token)) == token


@settings(deadline=None)
@given(st.floats(0, 1))
def test_location_is_within_one_bin(tokenizer: Tokenizer, value: float) -> None:
    token = tokenizer.location_id(value)
    assert abs(tokenizer.location_value(token) - value) <= 1 / 999 + 1e-7
    assert tokenizer.encode(tokenizer.location_text(value)) == [token]


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf")])
def test_location_outside_zero_to_one_is_refused(tokenizer: Tokenizer, value: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        tokenizer.location_id(value)


@pytest.mark.parametrize("token", [31999, 33000, 0, -1])
def test_value_of_another_token_is_refused(tokenizer: Tokenizer, token: int) -> None:
    with pytest.raises(ValueError, match="32000 to 32999"):
        tokenizer.location_value(token)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="▁\x00")))
def test_any_text_survives_a_round_trip(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_decoding_stops_at_the_end_token(tokenizer: Tokenizer) -> None:
    red, mug = tokenizer.encode("red"), tokenizer.encode("mug")
    assert tokenizer.decode([tokenizer.start_id, *red, tokenizer.end_id, *mug]) == "red"


def test_embedding_rows_without_a_piece_decode_as_unknown(tokenizer: Tokenizer) -> None:
    unknown = tokenizer.decode([tokenizer.unknown_id])
    assert tokenizer.decode(np.array([tokenizer.vocab_size])) == unknown


def test_negative_ids_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="not negative"):
        tokenizer.decode([-1])


def test_a_smaller_vocabulary_moves_every_offset(train_sentencepiece: Callable[..., Path]) -> None:
    small = Tokenizer(train_sentencepiece())
    assert small.vocab_size == 300 + 1225
    assert small.location_ids == range(300, 1300)
    assert small.encode("<extra_id_200>") == [1299] == [small.location_id(0.0)]
    assert small.decode(small.encode("[Text] [S] the red mug")) == "[Text] [S] the red mug"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"nowhere\.model: No such file"):
        Tokenizer(tmp_path / "nowhere.model")


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_text("version https://git-lfs.github.com/spec/v1\noid")
    with pytest.raises(TokenizerError, match=r"\.model is a git-lfs pointer.*git lfs pull"):
        Tokenizer(tmp_path / "tokenizer.model")


def test_the_home_directory_may_be_written_as_a_tilde(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tokenizer.path.parent))
    assert Tokenizer(f"~/{tokenizer.path.name}").vocab_size == tokenizer.vocab_size


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="cannot read"):
        Tokenizer(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x89PNG\r\n\x1a\n", b"\x0a\xff\xff", b"\xff" * 40]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match="not a SentencePiece model"):
        Tokenizer(path)


def test_a_truncated_model_is_refused(
    tmp_path: Path, train_sentencepiece: Callable[..., Path]
) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(train_sentencepiece().read_bytes()[:-100])
    with pytest.raises(TokenizerError):
        Tokenizer(path)


def test_a_unigram_model_is_refused(train_sentencepiece: Callable[..., Path]) -> None:
    path = train_sentencepiece(model_type="unigram", hard_vocab_limit=False)
    with pytest.raises(TokenizerError, match="unigram model, expected BPE"):
        Tokenizer(path)


def test_a_model_with_other_control_pieces_is_refused(
    train_sentencepiece: Callable[..., Path],
) -> None:
    path = train_sentencepiece(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    with pytest.raises(TokenizerError, match="unknown, start, end"):
        Tokenizer(path)


def test_a_model_that_has_the_pieces_already_is_refused(
    train_sentencepiece: Callable[..., Path],
) -> None:
    path = train_sentencepiece(user_defined_symbols=["▁<extra_id_3>"])
    with pytest.raises(TokenizerError, match="SentencePiece refuses"):
        Tokenizer(path)
