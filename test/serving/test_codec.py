"""What crosses to the model's process: the same on both sides, or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.arena import ArenaView, SharedArena
from uio2_ros.serving.codec import Codec, ProtocolError
from uio2_ros.serving.protocol import (
    FROM_CHILD,
    PROTOCOL_VERSION,
    TO_CHILD,
    Answered,
    Cancel,
    Load,
    Submit,
    pack,
)
from uio2_ros.serving.spec import ModelSpec

CODEC = Codec(PROTOCOL_VERSION, (*TO_CHILD, *FROM_CHILD))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def equal(one: Any, other: Any) -> bool:
    """Equality that looks into arrays, and takes NaN for itself."""
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and one.tobytes() == other.tobytes()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    return type(one) is type(other) and (one == other or one != one)


ARRAYS = {
    "pixels": arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)),
    "depths": arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=3, max_side=9)),
    "samples": arrays.arrays(np.float32, st.integers(0, 50)),
}
NUMBERS = st.integers(-(2**63), 2**63 - 1)
FRAMES = st.builds(Frame, ARRAYS["pixels"], NUMBERS, WORDS, st.none() | NUMBERS)
OBSERVATIONS = st.builds(
    Observation,
    image=st.none() | FRAMES,
    history=st.lists(FRAMES, max_size=2).map(tuple),
    audio=st.none() | ARRAYS["samples"],
    robot_history=st.lists(WORDS, max_size=2).map(tuple),
)
INSTRUCTIONS = st.builds(
    Instruction, WORDS, WORDS, st.lists(WORDS, max_size=3).map(tuple), seed=NUMBERS
)
ANSWERS = st.builds(
    Answer,
    error_code=st.sampled_from(ErrorCode),
    error_msg=WORDS,
    pictures=st.lists(
        st.builds(Picture, WORDS, ARRAYS["pixels"] | ARRAYS["depths"], WORDS), max_size=2
    ).map(tuple),
    audio=st.lists(ARRAYS["samples"], max_size=2).map(tuple),
)
MESSAGES = (
    st.builds(Submit, NUMBERS, INSTRUCTIONS, OBSERVATIONS, st.booleans())
    | st.builds(Answered, NUMBERS, st.builds(Answer) | ANSWERS, st.booleans())
    | st.builds(Answered, NUMBERS, st.from_type(Answer).map(lambda one: replace(one, pictures=())))
    | st.sampled_from([kind for kind in TO_CHILD if not fields(kind)]).map(lambda kind: kind())
)


@settings(deadline=None, max_examples=60)
@given(MESSAGES)
def test_messages_come_out_as_they_went_in(message: Any) -> None:
    assert equal(CODEC.unpack(CODEC.pack(message)), message)


def test_a_specification_comes_out_as_it_went_in() -> None:
    load = Load(ModelSpec("some/model", "tokenizer.model", threads=3), "module:function")
    assert CODEC.unpack(CODEC.pack(load)) == load


@settings(deadline=None, max_examples=30)
@given(OBSERVATIONS)
def test_arrays_in_shared_memory_come_out_as_they_went_in(observation: Observation) -> None:
    large = Frame(np.arange(40 * 40 * 3, dtype=np.uint8).reshape(40, 40, 3).transpose(1, 0, 2), 1)
    arena = SharedArena(1 << 20)
    child = Codec(PROTOCOL_VERSION, TO_CHILD, ArenaView(arena.descriptor, arena.capacity).array)
    submit = Submit(1, Instruction("x"), replace(observation, image=large), reports=False)
    data, borrowed = pack(submit, arena)
    assert len(borrowed) == 1, "the others are small"
    assert len(data) < large.pixels.nbytes * 3
    assert equal(child.unpack(data), submit)


def envelope(name: str, content: object, version: int = PROTOCOL_VERSION) -> bytes:
    packed: bytes = msgpack.packb([version, name, content])
    return packed


def submit(**changes: object) -> bytes:
    version, name, content = msgpack.unpackb(
        CODEC.pack(Submit(1, Instruction("x", region=Box(1, 2, 3, 4)), Observation(), False))
    )
    return envelope(name, {**content, **changes}, version)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (envelope("Cancel", {"number": 1}, PROTOCOL_VERSION + 1), f"this {PROTOCOL_VERSION}"),
        (envelope("Explode", {}), "'Explode' is unknown; expected Answered, Cancel"),
        (envelope("Cancel", {"number": 1, "urgent": True}), "urgent"),
        (envelope("Cancel", {}), "number"),
        (envelope("Cancel", {"number": "1"}), "str is not int"),
        (envelope("Cancel", {"number": True}), "bool is not int"),
        (envelope("Cancel", [1]), "Cancel"),
        (submit(reports=1), "int is not bool"),
        (submit(instruction={"instruction": "x", "options": "ab"}), "str is not list"),
        (submit(observation={"audio": [1.0]}), "audio"),
        (submit(observation={"audio": ["<f8", [1], b"12345678"]}), "'<f8' is not one of float32"),
        (submit(observation={"audio": ["|O", [1], b"12345678"]}), "'|O'"),
        (submit(observation={"audio": ["<f4", [3], b"12345678"]}), "do not fill its shape"),
        (submit(observation={"audio": ["<f4", [-1], b""]}), "no shape"),
        (submit(observation={"audio": ["<f4", [1] * 9, b"1234"]}), "no shape"),
        (submit(observation={"audio": ["<f4", [2], 4096]}), "of which there is none here"),
        (b"", "0 bytes are no message"),
        (msgpack.packb([1, 2]), "no message"),
        (msgpack.packb(["1", "Cancel", {}]), "no version"),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=re.escape(reason)):
        CODEC.unpack(data)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.tuples(
        st.sampled_from([PROTOCOL_VERSION, 1]),
        st.sampled_from(["Submit", "Answered", "Load", "Cancel", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | NUMBERS, inner),
        ),
    ).map(lambda parts: _packed(parts))
)
def test_garbage_is_refused_and_nothing_else_is_raised(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        CODEC.unpack(data)


def _packed(parts: object) -> bytes:
    try:
        packed: bytes = msgpack.packb(parts)
    except UnicodeEncodeError:
        return b""
    return packed


@settings(deadline=None)
@given(st.data())
def test_a_damaged_message_is_understood_or_refused(data: st.DataObject) -> None:
    packed = bytearray(submit())
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = CODEC.unpack(bytes(packed))
    except ProtocolError:
        return
    assert isinstance(message, tuple(TO_CHILD))


@dataclass(frozen=True)
class Odd:
    value: Any


@pytest.mark.parametrize("value", [object(), 2**70, "\udcff", np.array([object()]), 1 + 2j, {1, 2}])
def test_what_has_no_bytes_is_not_sent(value: object) -> None:
    with pytest.raises(ProtocolError, match="a Odd cannot be sent"):
        Codec(1, [Odd]).pack(Odd(value))


def test_an_array_of_another_type_than_declared_is_not_sent() -> None:
    answer = Answer(pictures=(Picture("depth", np.zeros((2, 2), np.float64)),))  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match="float64 is not one of uint8, float32"):
        CODEC.pack(Answered(1, answer))


def test_numbers_of_numpy_are_sent_as_numbers() -> None:
    answer = Answer(scores=(np.float32(0.5), np.float64(0.25)))
    assert CODEC.unpack(CODEC.pack(Answered(1, answer))).answer.scores == (0.5, 0.25)
    assert CODEC.unpack(CODEC.pack(Cancel(np.int64(3)))) == Cancel(3)  # type: ignore[arg-type]
