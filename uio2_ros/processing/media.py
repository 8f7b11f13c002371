"""Sound tracks of video and of compressed audio containers, through PyAV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uio2_ros.processing.example import Floats
from uio2_ros.robot.errors import InvalidInputError


@dataclass(frozen=True)
class SoundTrack:
    """samples: (n, channels) in [-1, 1]."""

    samples: Floats
    rate_hz: int


def read_sound_track(path: Path) -> SoundTrack | None:
    """The first sound track of a media file; None where it has none.

    Raises InvalidInputError for a file that is no media file, and where PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InvalidInputError(
            f"reading the sound of {path} needs PyAV; install it (pip install av) or give the "
            "samples as audio="
        ) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp")
            frames = [
                part.to_ndarray()
                for frame in container.decode(stream)
                for part in resampler.resample(frame)
            ]
            rate_hz = int(stream.rate)
    except av.FFmpegError as error:
        raise InvalidInputError(f"{path} is not a sound or video file: {error.strerror}") from error
    if not frames:
        return None
    return SoundTrack(np.concatenate(frames, axis=1).T.astype(np.float32, copy=False), rate_hz)
