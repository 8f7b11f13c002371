"""What is asked, and what was seen and heard: the inputs of a task. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in pixels of the original picture; x to the right, y down."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def center(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.x2 - self.x1, self.y2 - self.y1


@dataclass(frozen=True)
class Instruction:
    """One request, free of ROS types. Empty strings and None mean "not given"."""

    instruction: str
    task: str = ""
    options: tuple[str, ...] = ()
    region: Box | None = None
    action_space: str = ""
    seed: int = 0
    prompt_variant: int = 0
    """0 asks with the prompt the model was trained with, n with the task's nth paraphrase."""


@dataclass(frozen=True)
class Frame:
    """One picture. `key` names its content for caches: equal keys, equal pixels."""

    pixels: npt.NDArray[np.uint8]  # (H, W, 3) RGB
    stamp_ns: int
    frame_id: str = ""
    key: int | None = None


@dataclass(frozen=True)
class CameraModel:
    """Pinhole intrinsics of the original picture (sensor_msgs/CameraInfo K), pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True)
class Observation:
    """What the robot's senses hold at the instruction.

    image is the newest picture, history the older ones (oldest first), audio the last seconds of
    mono sound at `audio_rate` Hz ending at the instruction, in [-1, 1].
    """

    image: Frame | None = None
    history: tuple[Frame, ...] = ()
    audio: npt.NDArray[np.float32] | None = None  # (samples,)
    audio_rate: int = 16000
    camera: CameraModel | None = None
    robot_history: tuple[str, ...] = field(default=())
    """Past moves as `observation ( x z y ) action` texts, for navigation."""
