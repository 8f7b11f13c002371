"""Pictures and sound of an answer as files that browsers show. No rclpy."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import numpy.typing as npt
import soundfile

from uio2_ros.robot.answer import Picture
from uio2_ros.viewing.panels import SOUND_RATE_HZ, picture_colors


def png_of(picture: Picture) -> bytes:
    """As people see it: depth from red, near, to blue; normals in the usual colours."""
    if picture.role == "mask":
        pixels = np.asarray(picture.pixels, np.uint8)
    else:
        pixels = np.ascontiguousarray(picture_colors(picture)[0][:, :, ::-1])
    return cv2.imencode(".png", pixels)[1].tobytes()


def wav_of(samples: npt.NDArray[np.float32]) -> bytes:
    """Mono sound at 16 kHz."""
    file = io.BytesIO()
    soundfile.write(file, samples, SOUND_RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def data_url(kind: str, content: bytes) -> str:
    """Contents within a page, as `image/png`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
