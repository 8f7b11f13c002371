"""What the extension of openpi's protocol says, over one WebSocket connection, in binary frames.

The server speaks first, as openpi's do: a map of metadata, whose entry `uio2_ros` has the version
of the extension. From then on a frame that holds a map is openpi's: an observation, answered with
actions. A frame that holds a list is a message of this module, written by `serving.codec`: the
version, the name of a class and its fields.

A client begins with `Greeting`, which is answered by `Welcome` and `ModelNow`; the latter comes
again whenever the model's state changes. Then it sends `Ask`, `Cancel` and `KeepFrame` as it likes.
Each `Ask` is ended by one `Answered` with its number, after as many `Reported` as were wanted.

A picture with a key travels once: later frames name the key and leave the picture out, as long as
both ends' shelves (`remote.shelf`) of `Welcome.shelf_bytes` hold it. A picture weighs
height x width x 3 bytes there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uio2_ros.remote.pictures import SentPicture
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.serving.codec import Codec
from uio2_ros.serving.protocol import Answered, Cancel, Reported
from uio2_ros.serving.status import ModelDescription, ModelState

EXTENSION = "uio2_ros"
"""Entry of the metadata that says which version of this module a server speaks."""
VERSION = 1
MOST_NAME = 100
"""Characters of a robot's name."""


@dataclass(frozen=True)
class SentFrame:
    """A `robot.observation.Frame`; no picture: it was sent before, under this key."""

    stamp_ns: int
    frame_id: str = ""
    key: int | None = None
    picture: SentPicture | None = None


@dataclass(frozen=True)
class SentObservation:
    """A `robot.observation.Observation`. Its frames are kept in this order: history, image."""

    image: SentFrame | None = None
    history: tuple[SentFrame, ...] = ()
    audio: npt.NDArray[np.float32] | None = None
    audio_rate: int = 16000
    camera: CameraModel | None = None
    camera_problem: str = ""
    robot_history: tuple[str, ...] = ()


@dataclass(frozen=True)
class Greeting:
    """Who asks. Instructions of one name take turns with those of others."""

    robot: str = ""


@dataclass(frozen=True)
class Ask:
    """Answer an instruction within `timeout_s` seconds (inf: whenever)."""

    number: int
    instruction: Instruction
    observation: SentObservation
    timeout_s: float
    reports: bool
    """Whether anybody wants to hear of its progress."""


@dataclass(frozen=True)
class KeepFrame:
    """Encode a picture of the history in advance, if the model is idle; keep it in any case."""

    frame: SentFrame


@dataclass(frozen=True)
class Welcome:
    """What the server takes: bytes of a message, pixels of a picture, bytes of kept pictures, and
    instructions at once."""

    message_bytes: int
    picture_pixels: int
    shelf_bytes: int
    requests: int


@dataclass(frozen=True)
class ModelNow:
    """How the model is; it answers while it is READY."""

    state: ModelState
    reason: str
    model: ModelDescription


ToServer: TypeAlias = Greeting | Ask | Cancel | KeepFrame
FromServer: TypeAlias = Welcome | ModelNow | Reported | Answered

CLIENT_CODEC = Codec(VERSION, (Greeting, Ask, Cancel, KeepFrame))
"""Messages that clients send."""
SERVER_CODEC = Codec(VERSION, (Welcome, ModelNow, Reported, Answered))
"""Messages that servers send."""


def is_of_extension(data: bytes) -> bool:
    """Whether a frame holds a list, and so a message of this module."""
    return data[:1] in _LISTS


_LISTS: Any = frozenset(bytes([first]) for first in (*range(0x90, 0xA0), 0xDC, 0xDD))
"""First bytes of msgpack's lists."""
