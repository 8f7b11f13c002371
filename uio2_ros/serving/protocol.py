"""What the two halves say to each other over a socket pair.

The child speaks first (`Hello`); the client answers `Load`, and the child loads and says `Loaded`
or `LoadFailed`. Then the client sends one `Submit`, `OfferFrame` or `OfferSegment` at a time, and
`Cancel` at any time; the child sends `Reported`, if it is wanted, and ends each `Submit` with
`Answered`, each offer with `FrameTaken`. `Quit`, or the end of the stream, ends the child. Every
message bears the version; what a side does not know it refuses. Arrays of the client travel as
places in the shared arena.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from uio2_ros.history.memory import Bytes
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.codec import Array, Codec, ProtocolError
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription

PROTOCOL_VERSION = 4

INLINE_BYTES = 1024
"""Smaller arrays travel in the message; a page of shared memory each would be waste."""
MOST_BYTES = 2**28
"""Of one message; an answer of 8 masks, depth and normals of a 4K picture has 200 MB."""


@dataclass(frozen=True)
class Load:
    """Load this model with this factory ("module:function")."""

    spec: ModelSpec
    factory: str


@dataclass(frozen=True)
class Submit:
    """Answer an instruction."""

    number: int
    instruction: Instruction
    observation: Observation
    reports: bool
    """Whether anybody wants to hear of its progress: every message wakes the client."""


@dataclass(frozen=True)
class Cancel:
    """Stop as soon as possible, if `number` is still under way."""

    number: int


@dataclass(frozen=True)
class OfferFrame:
    """Encode a history frame in advance."""

    frame: Frame


@dataclass(frozen=True)
class OfferSegment:
    """Encode a segment of the sound in advance."""

    segment: SoundSegment


@dataclass(frozen=True)
class Quit:
    """End the process."""


@dataclass(frozen=True)
class Hello:
    """The child runs."""


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
class Reported:
    """A stage was reached or a token generated."""

    number: int
    progress: Progress


@dataclass(frozen=True)
class Answered:
    """The end of a `Submit`; with `broken` the child cannot go on and ends."""

    number: int
    answer: Answer
    broken: bool = False


@dataclass(frozen=True)
class FrameTaken:
    """The end of an `OfferFrame` or `OfferSegment`; error is "" if it went well."""

    error: str = ""


ToChild: TypeAlias = Load | Submit | Cancel | OfferFrame | OfferSegment | Quit
FromChild: TypeAlias = Hello | Loaded | LoadFailed | Reported | Answered | FrameTaken
TO_CHILD = (Load, Submit, Cancel, OfferFrame, OfferSegment, Quit)
FROM_CHILD = (Hello, Loaded, LoadFailed, Reported, Answered, FrameTaken)

_sending = Codec(PROTOCOL_VERSION, TO_CHILD)


def pack(message: ToChild, arena: SharedArena) -> tuple[bytes, list[Bytes]]:
    """The message as bytes, and the arena buffers to free once the child has no use for it.

    MemoryError, with nothing borrowed, if the arena has no room for its arrays; ProtocolError if it
    cannot be sent.
    """
    borrowed: list[Bytes] = []

    def place(array: Array) -> int | None:
        if array.nbytes < INLINE_BYTES:
            return None
        where = arena.locate(array)
        if where is None:
            buffer = arena.allocate(array.nbytes)
            borrowed.append(buffer)
            buffer.view(array.dtype).reshape(array.shape)[...] = array
            where = arena.locate(buffer)
        return where

    try:
        return _sending.pack(message, place), borrowed
    except BaseException:
        for buffer in borrowed:
            arena.free(buffer)
        raise


def receive(connection: Connection, codec: Codec) -> Any:
    """The next message, waiting for it; None if the other side is gone. ProtocolError for one that
    is not understood or too large."""
    try:
        data = connection.recv_bytes(MOST_BYTES)
    except (EOFError, ConnectionError):
        return None
    except OSError as error:
        raise ProtocolError(f"a message has more than {MOST_BYTES} bytes: {error}") from error
    return codec.unpack(data)
