"""Pictures and sound as the files of a sample: what each is stored as, and how exactly.

| array                                    | file       | exact                                  |
|------------------------------------------|------------|----------------------------------------|
| picture of a camera, (H, W, 3) uint8 RGB | .jpg, .png | .png                                   |
| mask, (H, W) uint8                       | .png       | yes                                    |
| depth, (H, W) float32 metres             | .png       | to half a millimetre, up to 65.5 m     |
| normals, (H, W, 3) float32               | .png       | to 1/127 a component                   |
| mono sound, float32 in [-1, 1]           | .flac      | to 16 bits                             |
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import soundfile

from uio2_ros.media.pictures import decode_picture
from uio2_ros.robot.errors import InvalidInputError

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MM_PER_M = 1000.0
_LARGEST_DEPTH_MM = 65535
_NORMAL_STEPS = 127.0
_INT16_STEPS = 32768.0


def jpeg_bytes(pixels: Pixels, quality: int) -> bytes:
    """An RGB picture as JPEG of a quality in [1, 100]."""
    return _encoded(".jpg", _swapped(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])


def png_bytes(pixels: Pixels) -> bytes:
    """An RGB or grey picture as PNG, which loses nothing."""
    return _encoded(".png", _swapped(pixels) if pixels.ndim == 3 else pixels, [])


def depth_bytes(metres: Floats) -> bytes:
    """Depth (H, W) in metres as 16-bit PNG of millimetres; 0 and what is not finite are 0."""
    millimetres = np.nan_to_num(metres, nan=0.0, posinf=0.0, neginf=0.0) * MM_PER_M
    if millimetres.size and (millimetres.min() < 0 or millimetres.max() > _LARGEST_DEPTH_MM):
        raise InvalidInputError(
            f"depth from {metres.min():g} to {metres.max():g} m does not fit into 16 bits of "
            f"millimetres; give 0 to {_LARGEST_DEPTH_MM / MM_PER_M:g} m"
        )
    return _encoded(".png", np.rint(millimetres).astype(np.uint16), [])


def normals_bytes(normals: Floats) -> bytes:
    """Unit vectors (H, W, 3) as PNG, a component in [-1, 1] as 1 to 255, NaN as black."""
    steps = np.clip(normals, -1, 1, dtype=np.float32)
    steps *= np.float32(_NORMAL_STEPS)
    steps += np.float32(128.5)  # rounded where the fraction is cut off
    unknown = np.isnan(steps[..., 0] + steps[..., 1] + steps[..., 2])
    steps[unknown] = 0
    return png_bytes(steps.astype(np.uint8))


def sound_bytes(samples: Floats, rate_hz: int) -> bytes:
    """Mono sound in [-1, 1] as FLAC."""
    if not np.isfinite(samples).all():
        raise InvalidInputError("the sound of a sample has values that are not finite")
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def picture_of(data: bytes) -> Pixels:
    """(H, W, 3) RGB of a JPEG or PNG file."""
    return _swapped(decode_picture(data, cv2.IMREAD_COLOR))


def mask_of(data: bytes) -> Pixels:
    """(H, W) uint8 of a grey PNG file."""
    return decode_picture(data, cv2.IMREAD_GRAYSCALE)


def depth_of(data: bytes) -> Floats:
    """(H, W) float32 metres of a PNG file of millimetres."""
    return (decode_picture(data, cv2.IMREAD_UNCHANGED) / MM_PER_M).astype(np.float32)


def normals_of(data: bytes) -> Floats:
    """(H, W, 3) float32 unit vectors, NaN where there is none."""
    steps = picture_of(data)
    vectors = (steps.astype(np.float32) - 128) / _NORMAL_STEPS
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors /= np.maximum(length, 1e-6)
    vectors[~steps.any(axis=-1)] = np.nan
    return vectors


def sound_of(data: bytes) -> Floats:
    """Mono float32 samples of a sound file."""
    samples, _rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    return np.asarray(samples, np.float32)


PICTURE_FILES: Mapping[str, tuple[str, Callable[[Any], bytes], Callable[[bytes], Any]]] = (
    MappingProxyType(
        {
            "mask": (".png", png_bytes, mask_of),
            "depth": (".png", depth_bytes, depth_of),
            "normals": (".png", normals_bytes, normals_of),
            "generated": (".png", png_bytes, picture_of),
        }
    )
)
"""Ending, writer and reader of the pictures of an answer, by role."""


def _swapped(pixels: npt.NDArray[Any]) -> Pixels:
    """RGB as BGR, and the other way round."""
    if not pixels.size:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)


def _encoded(ending: str, pixels: npt.NDArray[Any], options: list[int]) -> bytes:
    done, data = cv2.imencode(ending, np.ascontiguousarray(pixels), options)
    if not done:
        raise InvalidInputError(
            f"a picture of shape {pixels.shape} and type {pixels.dtype} cannot become a {ending} "
            "file; give (H, W) or (H, W, 3) with H and W of at least 1"
        )
    return bytes(data)
