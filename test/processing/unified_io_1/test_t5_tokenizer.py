"""The tokenizer of Unified-IO 1, on a file that was trained as T5's was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uio1_inputs import GOLDEN

from uio2_ros.processing.unified_io_1.tokenizer import T5Tokenizer
from uio2_ros.robot.errors import TokenizerError

PINNED = json.loads((GOLDEN / "tokenizer.json").read_text())
TOKENIZER = T5Tokenizer(GOLDEN / "tokenizer.model")


def test_offsets_follow_the_pieces_of_the_file() -> None:
    assert TOKENIZER.pieces == PINNED["pieces"]
    assert TOKENIZER.vocab_size == PINNED["vocab_size"]
    assert (TOKENIZER.start_id, TOKENIZER.end_id, TOKENIZER.unknown_id) == (0, 1, 2)
    for number, token in PINNED["extra_ids"].items():
        assert TOKENIZER.encode(f"<extra_id_{number}>") == [token]


@pytest.mark.parametrize("case", PINNED["cases"], ids=lambda case: case["text"][:30])
def test_texts_are_tokenised_as_in_the_original(case: dict[str, object]) -> None:
    ids = case["ids"]
    assert isinstance(ids, list)
    assert [*TOKENIZER.encode(str(case["text"]))[: len(ids) - 1], TOKENIZER.end_id] == ids
    if TOKENIZER.unknown_id not in ids and max(ids) < TOKENIZER.pieces:
        assert TOKENIZER.decode(ids) == case["decoded"]


def test_boxes_in_prompts_are_those_of_the_original() -> None:
    for case in json.loads((GOLDEN / "tasks.json").read_text())["region_tokens"]:
        height, width = case["image_hw"]
        x1, y1, x2, y2 = case["box_xyxy"]
        box = (y1, x1, min(y2, height), min(x2, width))
        written = [TOKENIZER.location_text(value / max(height, width)) for value in box]
        assert written == case["tokens"]


@given(st.floats(0, 1))
def test_a_location_comes_back_within_its_bin(value: float) -> None:
    token = TOKENIZER.location_id(value)
    assert token in TOKENIZER.location_ids
    assert abs(TOKENIZER.location_value(token) - value) <= 2 / 1000
    assert TOKENIZER.encode(TOKENIZER.location_text(value)) == [token]


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_what_is_no_location_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="value in"):
        TOKENIZER.location_id(value)


def test_another_models_file_is_told_from_t5s(tmp_path: Path) -> None:
    assert not TOKENIZER.is_t5
    (tmp_path / "noise.model").write_bytes(b"noise")
    with pytest.raises(TokenizerError, match=r"spiece\.model"):
        T5Tokenizer(tmp_path / "noise.model")
