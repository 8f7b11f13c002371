"""Protocol-buffer wire format: just enough to edit a SentencePiece file without protobuf.

A message is a sequence of fields; a field is kept as its bytes, so what is not edited stays as it
was. Imports nothing of the package.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
_FIXED_WIDTH_BYTES = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10


@dataclass(frozen=True)
class WireField:
    """One field of a message: its number, its wire type and the bytes of its value."""

    number: int
    wire_type: int
    value: bytes

    @classmethod
    def of_integer(cls, number: int, value: int) -> WireField:
        return cls(number, VARINT, _encode_varint(value))

    @classmethod
    def of_float(cls, number: int, value: float) -> WireField:
        return cls(number, FIXED32, struct.pack("<f", value))

    @classmethod
    def of_bytes(cls, number: int, value: bytes) -> WireField:
        return cls(number, LENGTH_DELIMITED, value)

    @property
    def integer(self) -> int:
        """The value of a VARINT field."""
        return _decode_varint(self.value, 0)[0]


def parse(message: bytes) -> Iterator[WireField]:
    """The fields of a message in their order; ValueError where the bytes are no message."""
    position = 0
    while position < len(message):
        tag, position = _decode_varint(message, position)
        start, end = _value_bounds(message, tag & 7, position)
        if tag >> 3 == 0 or end > len(message):
            raise ValueError(f"no protocol-buffer field at byte {position}")
        yield WireField(tag >> 3, tag & 7, message[start:end])
        position = end


def serialize(fields: Iterator[WireField] | list[WireField]) -> bytes:
    """The message made of these fields."""
    parts: list[bytes] = []
    for field in fields:
        parts.append(_encode_varint(field.number << 3 | field.wire_type))
        if field.wire_type == LENGTH_DELIMITED:
            parts.append(_encode_varint(len(field.value)))
        parts.append(field.value)
    return b"".join(parts)


def _value_bounds(message: bytes, wire_type: int, position: int) -> tuple[int, int]:
    if wire_type == LENGTH_DELIMITED:
        length, start = _decode_varint(message, position)
        return start, start + length
    if wire_type == VARINT:
        return position, _decode_varint(message, position)[1]
    if wire_type in _FIXED_WIDTH_BYTES:
        return position, position + _FIXED_WIDTH_BYTES[wire_type]
    raise ValueError(f"unknown wire type {wire_type} at byte {position}")


def _decode_varint(message: bytes, position: int) -> tuple[int, int]:
    """The integer at `position` and the position after it."""
    value = 0
    for index, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError(f"unfinished integer at byte {position}")


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
