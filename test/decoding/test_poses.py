"""The grammar of poses: a place and a digit for each joint, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.decoding import Symbols
from uio2_ros.decoding.poses import parse_pose, pose
from uio2_ros.processing import Tokenizer


def test_whatever_is_likely_the_answer_is_a_pose(tokenizer: Tokenizer) -> None:
    symbols = Symbols.of(tokenizer)
    grammar, names = pose(symbols, 3), ("nose", "ear", "eye")
    draw = np.random.default_rng(0)
    tokens: list[int] = []
    state = grammar.initial()
    while True:
        allowed = np.flatnonzero(grammar.allowed(state))
        token = int(draw.choice(allowed))
        if token == symbols.vocabulary.end_id:
            break
        tokens.append(token)
        state = grammar.advance(state, token)
    assert sum(token in symbols.vocabulary.location_ids for token in tokens) == 6
    found = parse_pose(symbols.vocabulary, tokens, names)
    assert {joint.point.name for joint in found} <= set(names)
    assert all(joint.visibility in (1, 2) for joint in found)


@pytest.mark.parametrize("text", ["", "cup"])
def test_a_text_without_places_has_no_joints(tokenizer: Tokenizer, text: str) -> None:
    assert parse_pose(tokenizer, tokenizer.encode(text), ("nose",)) == ()


def test_what_is_named_as_missing_takes_no_joint_from_its_neighbour(tokenizer: Tokenizer) -> None:
    text = "<extra_id_300> <extra_id_400> 3 MISSING <extra_id_500> <extra_id_600> 2"
    found = parse_pose(tokenizer, tokenizer.encode(text), ("nose", "left eye"))
    assert [(joint.point.name, joint.visibility) for joint in found] == [
        ("nose", 2),
        ("left eye", 1),
    ]
