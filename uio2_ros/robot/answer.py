"""The answer to an instruction, free of ROS types, for `InstructionResult.msg`. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan import TaskPlan


class Stage(str, Enum):
    """Where an instruction is on its way; the feedback of the action."""

    QUEUED = "queued"
    PREPROCESSING = "preprocessing"
    ENCODING = "encoding"
    GENERATING = "generating"
    FINISHING = "finishing"


@dataclass(frozen=True)
class Progress:
    """How far an instruction is: its stage, the text so far, the tokens generated, and the seconds
    since it was asked where whoever tells has counted them.

    Of a picture or a sound, or of options that are scored, the text says how much is done.
    """

    stage: Stage
    text: str = ""
    tokens: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class Detection:
    """One labelled box in pixels of the original picture, score in [0, 1].

    track names the object from answer to answer of a standing instruction; "" elsewhere.
    """

    box: Box
    label: str
    score: float = 1.0
    track: str = ""


@dataclass(frozen=True)
class Point:
    """One named keypoint in pixels of the original picture."""

    name: str
    x: float
    y: float
    score: float = 1.0
    visible: bool = True


@dataclass(frozen=True)
class PointSet:
    """The keypoints of one object."""

    label: str
    box: Box | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Cuboid:
    """An oriented 3D box in the camera's optical frame (x right, y down, z forward), metres.

    track as that of a `Detection`.
    """

    label: str
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    quaternion_wxyz: tuple[float, float, float, float]
    score: float = 1.0
    track: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture the model made; masks, depth and normals have the original picture's size.

    By role, "mask": uint8 (H, W), 0 or 255. "depth": float32 (H, W), metres along the optical axis,
    0 or NaN where there is none (REP 118). "normals": float32 (H, W, 3), unit vectors in the
    optical frame (x right, y down, z forward) that face the camera, so that z is negative.
    "generated": uint8 (H, W, 3), RGB. label says what it shows; score is in [0, 1].
    """

    role: str
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    label: str = ""
    score: float = 1.0


@dataclass(frozen=True)
class Timings:
    """Seconds; the fields of `uio2_ros/msg/Timings`."""

    queue: float = 0.0
    preprocess: float = 0.0
    encode: float = 0.0
    first_token: float = 0.0
    decode: float = 0.0
    postprocess: float = 0.0
    total: float = 0.0
    tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """Everything one instruction gave back. Empty fields are fields the task does not fill."""

    error_code: ErrorCode = ErrorCode.NONE
    error_msg: str = ""
    task: str = ""
    text: str = ""
    detections: tuple[Detection, ...] = ()
    cuboids: tuple[Cuboid, ...] = ()
    keypoints: tuple[PointSet, ...] = ()
    pictures: tuple[Picture, ...] = ()
    audio: tuple[npt.NDArray[np.float32], ...] = ()  # mono, 16 kHz
    plan: TaskPlan | None = None
    options: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    truncated: bool = False
    """Whether a text has as many tokens as are allowed: it may have been cut."""
    timings: Timings = field(default_factory=Timings)
    model: str = ""
    synthetic_weights: bool = False

    @classmethod
    def failed(cls, code: ErrorCode, message: str, task: str = "") -> Answer:
        """The answer to an instruction that failed."""
        if not message:
            raise ValueError("a failed answer needs a message")
        return cls(error_code=code, error_msg=message, task=task)

    def timed(self, **seconds: float) -> Answer:
        """This answer with some of its timings replaced."""
        return replace(self, timings=replace(self.timings, **seconds))  # type: ignore[arg-type]
