"""Sound files, and the sound of films by their clock. libsndfile, and PyAV for what that lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from uio2_ros.media.films import import_av
from uio2_ros.robot.errors import InvalidInputError

Floats = npt.NDArray[np.float32]

JITTER_S = 0.02
"""Times of sound in a file are rounded; only a larger gap is one."""


@dataclass(frozen=True)
class SoundTrack:
    """samples: (n, channels) in [-1, 1]."""

    samples: Floats
    rate_hz: int


def read_sound_file(path: Path) -> SoundTrack | None:
    """The sound of a file, by libsndfile or, for containers it lacks, PyAV; None: it has none."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return read_sound_track(path)
    return SoundTrack(samples, int(rate_hz))


def read_sound_track(path: Path, from_s: float | None = None) -> SoundTrack | None:
    """The first sound track of a media file; None where it has none.

    Its first sample is that of the moment `from_s` by the file's clock, of which the pictures have
    theirs (None: of the track's begin); where the track begins later or pauses there is silence.
    Raises InvalidInputError for a file that is no media file, and where PyAV is not installed.
    """
    av = import_av(f"reading the sound of {path}")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            parts = list(_parts(av, container, stream))
            rate_hz = int(stream.rate)
    except (av.FFmpegError, ValueError) as error:
        raise InvalidInputError(f"{path} is not a sound or video file: {error}") from error
    if not parts:
        return None
    begin_s = parts[0][0] if from_s is None else from_s
    return SoundTrack(_joined(parts, begin_s, rate_hz), rate_hz)


def _parts(av: Any, container: Any, stream: Any) -> Iterator[tuple[float, Floats]]:
    """Times in seconds and samples (n, channels)."""
    resampler = av.AudioResampler(format="fltp")
    for frame in container.decode(stream):
        time_s = frame.time or 0.0
        for part in resampler.resample(frame):
            yield time_s, part.to_ndarray().T.astype(np.float32, copy=False)


def _joined(parts: list[tuple[float, Floats]], begin_s: float, rate_hz: int) -> Floats:
    """One sound from a moment on, silent between parts that are apart."""
    found: list[Floats] = []
    length = 0
    for time_s, samples in parts:
        at = round((time_s - begin_s) * rate_hz)
        if at - length > JITTER_S * rate_hz:
            found.append(np.zeros((at - length, samples.shape[1]), np.float32))
            length = at
        early = length - at if not length and at < 0 else 0
        kept = samples[early:]
        found.append(kept)
        length += len(kept)
    return np.concatenate(found)
