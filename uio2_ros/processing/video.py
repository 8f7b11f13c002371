"""Video to a few frames and their sound: one frame for the image input, the others for its history.

See model.md section 2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uio2_ros.media.films import open_film
from uio2_ros.model.example import Floats
from uio2_ros.processing.config import SpectrogramSettings, VideoSettings
from uio2_ros.processing.image import Pixels
from uio2_ros.robot.errors import InvalidInputError


@dataclass(frozen=True)
class VideoFrames:
    """Frames (N, H, W, 3) in time order.

    Of a file also the duration of its pictures, and when they begin by the clock of its sound.
    """

    frames: Pixels
    duration_s: float | None = None
    starts_s: float = 0.0


def read_video(source: Pixels | str | os.PathLike[str], count: int) -> VideoFrames:
    """Up to `count` RGB frames from the middles of equal segments of an array or a video file.

    Segments of a file are equal in time, which its pictures need not be.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source).expanduser(), count)
    if not isinstance(source, np.ndarray) or source.ndim != 4 or source.shape[3] != 3:
        shape = getattr(source, "shape", type(source).__name__)
        raise InvalidInputError(f"video must be RGB (N, H, W, 3) or a path, got {shape}")
    if source.dtype != np.uint8:
        raise InvalidInputError(f"video must be uint8 (0 to 255), got {source.dtype}")
    if source.size == 0:
        raise InvalidInputError(f"video has no pixels: its shape is {source.shape}")
    return VideoFrames(source[middles(len(source), count)])


def middles(frames: int, count: int) -> npt.NDArray[np.intp]:
    """The frames in the middle of `count` equal segments; all of them where there are no more."""
    if frames <= count:
        return np.arange(frames)
    return ((np.arange(count) + 0.5) * frames / count).astype(np.intp)


def _read_file(path: Path, count: int) -> VideoFrames:
    with open_film(path) as film:
        duration_s = film.duration_s()
        parts = min(count, film.pictures or count)
        middles_s = (np.arange(parts) + 0.5) * duration_s / parts
        frames = [film.at(float(time_s)).pixels() for time_s in middles_s]
        return VideoFrames(np.stack(frames), duration_s, film.starts_s)


def trim_black_bars(frames: Pixels, settings: VideoSettings) -> Pixels:
    """Frames (N, H, W, 3) without the borders that are black in all of them."""
    content = frames.max(axis=(0, 3)) >= settings.black_below  # (H, W)
    rows = _kept(content.any(axis=1), settings.max_trim)
    columns = _kept(content.any(axis=0), settings.max_trim)
    return frames[:, rows, columns]


def _kept(has_content: npt.NDArray[np.bool_], max_trim: float) -> slice:
    """What remains of a side, trimmed by at most `max_trim` of it at either end."""
    side = len(has_content)
    found = np.flatnonzero(has_content)
    first, last = (found[0], found[-1]) if found.size else (side // 2, side // 2)
    return slice(min(first, int(side * max_trim)), max(last + 1, int(side * (1 - max_trim))))


def sound_windows(
    samples: Floats, duration_s: float, count: int, settings: SpectrogramSettings
) -> Floats:
    """(count, segment_samples): a window around the middle of each of `count` parts of a video.

    samples: the sound track at the model's rate. A part shorter than a window is centred in zeros.
    """
    part = duration_s * settings.rate_hz / count
    length = settings.segment_samples
    windows = np.zeros((count, length), np.float32)
    for index, window in enumerate(windows):
        reach = min(length, round(part))
        start = round((index + 0.5) * part) - reach // 2  # not negative: no part is shorter
        sound = samples[start : start + reach]
        offset = (length - reach) // 2
        window[offset : offset + sound.size] = sound
    return windows
