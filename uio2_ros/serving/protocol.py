"""What the two halves say to each other: pickled dataclasses over a socket pair.

The child speaks first (`Hello`); the client compares versions and answers `Load`; the child loads
and says `Loaded` or `LoadFailed`. Then the client sends one `Run` or `Encode` at a time, and
`Cancel` at any time; the child sends `Progress`, if it is wanted, and ends each `Run` with `Done`,
each `Encode` with `Encoded`. `Quit`, or the end of the stream, ends the child. Arrays in client
messages travel as places in the shared arena. Both ends are this package's own: nothing else can
reach the socket.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from uio2_ros.history.memory import Bytes
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.arena import ArenaView, Place, SharedArena
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription

PROTOCOL_VERSION = 2

INLINE_BYTES = 1024
"""Smaller arrays travel in the message; a page of shared memory each would be waste."""


@dataclass(frozen=True)
class Load:
    """Load this model with this factory ("module:function")."""

    spec: ModelSpec
    runner_factory: str


@dataclass(frozen=True)
class Run:
    """Answer an instruction."""

    number: int
    instruction: Instruction
    observation: Observation
    reports: bool
    """Whether anybody wants to hear of its progress: every message wakes the client."""


@dataclass(frozen=True)
class Cancel:
    """Stop at the next token, if `number` is still running."""

    number: int


@dataclass(frozen=True)
class Encode:
    """Encode a history frame in advance."""

    frame: Frame


@dataclass(frozen=True)
class Quit:
    """End the process."""


@dataclass(frozen=True)
class Hello:
    """The child runs."""

    version: int


@dataclass(frozen=True)
class Loaded:
    """The model is ready."""

    model: ModelDescription


@dataclass(frozen=True)
class LoadFailed:
    """The model cannot be loaded; `again` if trying once more may help."""

    message: str
    again: bool


@dataclass(frozen=True)
class Progress:
    """A stage was reached or a token generated."""

    number: int
    stage: Stage
    text: str
    tokens: int


@dataclass(frozen=True)
class Done:
    """The end of a `Run`; with `broken` the child cannot go on and ends."""

    number: int
    answer: Answer
    broken: bool = False


@dataclass(frozen=True)
class Encoded:
    """The end of an `Encode`; error is "" if it went well."""

    error: str = ""


ToChild: TypeAlias = Load | Run | Cancel | Encode | Quit
FromChild: TypeAlias = Hello | Loaded | LoadFailed | Progress | Done | Encoded


class _Packer(pickle.Pickler):
    """Replaces arrays by their places; what is not in the arena yet is copied there."""

    def __init__(self, file: io.BytesIO, arena: SharedArena) -> None:
        super().__init__(file, protocol=5)
        self._arena = arena
        self.borrowed: list[Bytes] = []

    def persistent_id(self, value: Any) -> Place | None:
        if type(value) is not np.ndarray or value.dtype.hasobject or value.nbytes < INLINE_BYTES:
            return None
        return self._arena.locate(value) or self._copied(value)

    def _copied(self, value: np.ndarray[Any, np.dtype[Any]]) -> Place:
        buffer = self._arena.allocate(value.nbytes)
        self.borrowed.append(buffer)
        np.copyto(buffer.view(value.dtype).reshape(value.shape), value)
        return Place(self._offset_of(buffer), value.shape, value.dtype.str)

    def _offset_of(self, buffer: Bytes) -> int:
        place = self._arena.locate(buffer)
        assert place is not None
        return place.offset


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, arena: ArenaView) -> None:
        super().__init__(file)
        self._arena = arena

    def persistent_load(self, place: Place) -> np.ndarray[Any, np.dtype[Any]]:
        return self._arena.array(place)


def pack(message: ToChild, arena: SharedArena) -> tuple[bytes, list[Bytes]]:
    """The message as bytes, and the arena buffers to free once the child has no use for it.

    Raises MemoryError, with nothing borrowed, if the arena has no room for its arrays.
    """
    file = io.BytesIO()
    packer = _Packer(file, arena)
    try:
        packer.dump(message)
    except BaseException:
        for buffer in packer.borrowed:
            arena.free(buffer)
        raise
    return file.getvalue(), packer.borrowed


def unpack(data: bytes, arena: ArenaView) -> ToChild:
    """The message; its arrays are read-only views of the arena."""
    message: ToChild = _Unpacker(io.BytesIO(data), arena).load()
    return message
