"""What was seen and heard when something was asked. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.camera_model import CameraModel


@dataclass(frozen=True)
class Frame:
    """One picture. `key` names its content for caches: equal keys, equal pixels."""

    pixels: npt.NDArray[np.uint8]  # (H, W, 3) RGB
    stamp_ns: int
    frame_id: str = ""
    key: int | None = None


@dataclass(frozen=True)
class SoundSegment:
    """A stretch of the sound that is over: it is the same in every observation that has it."""

    samples: npt.NDArray[np.float32]  # (samples,) mono, in [-1, 1]
    rate: int = 16000
    """Hz."""


@dataclass(frozen=True)
class Observation:
    """What the robot's senses hold at the instruction.

    image is the newest picture, history the older ones (oldest first), audio the last seconds of
    mono sound at `audio_rate` Hz ending at the instruction, in [-1, 1]. The model cuts it into
    segments from its first sample on, and hears the last segment's length before its end besides.
    """

    image: Frame | None = None
    history: tuple[Frame, ...] = ()
    audio: npt.NDArray[np.float32] | None = None  # (samples,)
    audio_rate: int = 16000
    camera: CameraModel | None = None
    camera_problem: str = ""
    """Why what was said of the camera cannot be used, where something was."""
    robot_history: tuple[str, ...] = ()
    """Past moves as `observation ( x z y ) action` texts, for navigation."""
