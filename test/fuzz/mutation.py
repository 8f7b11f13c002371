"""Edits that turn right bytes into nearly right ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

NUMBERS = tuple(
    value.to_bytes(size, "little")
    for size in (1, 2, 4, 8)
    for value in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
)
"""What lengths, counts and offsets are wrong with."""
LONGEST = 2**18
"""Bytes; what grew beyond it is cut."""


class Kind(Enum):
    """What an edit does at its place."""

    OVERWRITE = "overwrite"
    INSERT = "insert"
    DELETE = "delete"
    REPEAT = "repeat"
    CUT = "cut"
    FLIP = "flip"


@dataclass(frozen=True)
class Edit:
    """One change. `where` is a share of the length, `content` what is written, or how much."""

    kind: Kind
    where: float
    content: bytes

    def apply(self, data: bytes) -> bytes:
        """The changed bytes."""
        at = min(int(self.where * len(data)), len(data))
        size = len(self.content)
        if self.kind is Kind.OVERWRITE:
            return data[:at] + self.content + data[at + size :]
        if self.kind is Kind.INSERT:
            return data[:at] + self.content + data[at:]
        if self.kind is Kind.DELETE:
            return data[:at] + data[at + size :]
        if self.kind is Kind.REPEAT:
            return data[: at + size * 8] + data[at:]
        if self.kind is Kind.FLIP and at < len(data):
            return data[:at] + bytes([data[at] ^ (1 << size % 8)]) + data[at + 1 :]
        return data[:at]


def apply(edits: Sequence[Edit], data: bytes) -> bytes:
    """All edits, one after the other."""
    for edit in edits:
        data = edit.apply(data)[:LONGEST]
    return data


def random_edits(chance: random.Random, words: Sequence[bytes]) -> list[Edit]:
    """A few edits, with numbers and words of the format."""
    return [_random_edit(chance, words) for _ in range(chance.choice((1, 1, 1, 2, 3, 6)))]


def _random_edit(chance: random.Random, words: Sequence[bytes]) -> Edit:
    kind = chance.choice((*Kind, Kind.OVERWRITE, Kind.OVERWRITE, Kind.FLIP, Kind.FLIP))
    content = chance.choice(
        (
            chance.choice(NUMBERS),
            chance.choice(words) if words else b"",
            chance.randbytes(chance.randint(1, 8)),
        )
    )
    return Edit(kind, chance.random(), content)
