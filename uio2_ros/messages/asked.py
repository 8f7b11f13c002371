"""Between `Asked` messages and what the tasks take. No node, no I/O."""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from uio2_ros.messages.audio import audio_message
from uio2_ros.messages.camera_info import camera_info_message, camera_of
from uio2_ros.messages.instructions import REQUEST_FIELDS
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import Asked, AudioChunk, InstructionResult
from uio2_ros.robot.observation import Frame, Observation


def asked_message(request: Any, observation: Observation, result: InstructionResult) -> Asked:
    """What a request asked, about what, and its result; pictures as their stamps."""
    header, camera = result.header, observation.camera
    return Asked(
        header=header,
        **{name: getattr(request, name) for name in REQUEST_FIELDS},
        frame_stamps=[time_message(frame.stamp_ns) for frame in observation.history],
        sound=_sound(observation, header),
        camera_info=CameraInfo() if camera is None else camera_info_message(camera, header),
        moves=list(observation.robot_history),
        result=result,
    )


def observation_of(asked: Asked, image: Frame | None, history: tuple[Frame, ...]) -> Observation:
    """What the instruction was asked about, with the pictures that its stamps name."""
    heard = np.frombuffer(asked.sound.data, "<f4").astype(np.float32, copy=False)
    return Observation(
        image=image,
        history=history,
        audio=heard if heard.size else None,
        audio_rate=asked.sound.sample_rate or Observation.audio_rate,
        camera=camera_of(asked.camera_info),
        robot_history=tuple(asked.moves),
    )


def _sound(observation: Observation, header: Header) -> AudioChunk:
    if observation.audio is None:
        return AudioChunk()
    return audio_message(observation.audio, header, observation.audio_rate)
