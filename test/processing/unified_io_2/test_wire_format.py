"""Protocol-buffer messages in parts and together again."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.processing.unified_io_2.wire_format import WireField, parse, serialize

numbers = st.integers(1, 2**29 - 1)
fields = st.one_of(
    st.builds(WireField.of_integer, numbers, st.integers(0, 2**64 - 1)),
    st.builds(WireField.of_float, numbers, st.floats(width=32)),
    st.builds(WireField.of_bytes, numbers, st.binary()),
)


@settings(deadline=None)
@given(st.lists(fields))
def test_fields_survive_a_round_trip(message: list[WireField]) -> None:
    assert list(parse(serialize(message))) == message


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_integers_survive_a_round_trip(value: int) -> None:
    assert WireField.of_integer(1, value).integer == value


def test_the_bytes_are_those_of_protocol_buffers() -> None:
    message = [
        WireField.of_integer(3, 300),
        WireField.of_bytes(1, b"mug"),
        WireField.of_float(2, 0.5),
    ]
    expected = b"\x18\xac\x02" + b"\x0a\x03mug" + b"\x15" + struct.pack("<f", 0.5)
    assert serialize(message) == expected


@pytest.mark.parametrize(
    "damaged", [b"\x0a\x05ab", b"\x15\x00", b"\x18\x80", b"\x00\x00", b"\x0b", b"\x80" * 12]
)
def test_damaged_messages_are_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="at byte"):
        list(parse(damaged))


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    try:
        parsed = list(parse(content))
    except ValueError:
        return
    assert list(parse(serialize(parsed))) == parsed
