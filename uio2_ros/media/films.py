"""Films by the times at which their pictures are shown, upright, whatever their rate. Needs PyAV.

A film's time 0 is that of its first picture. A phone's film has no constant rate, may begin later
than its sound, and is stored as the sensor lay; all three are told in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError

Pixels = npt.NDArray[np.uint8]

QUARTER_TURN_DEG = 90
LONGEST_S = 1e9
"""Seeking takes whole numbers of 64 bits."""
USUAL_RATE_HZ = 25.0
_US = 1e-6  # of what the container as a whole tells


@dataclass(frozen=True)
class Shown:
    """A picture of a film, and when it appears: seconds after the first."""

    time_s: float
    lasts_s: float
    _frame: Any

    def pixels(self, order: str = "rgb24") -> Pixels:
        """(H, W, 3), upright; `order` is "rgb24" or "bgr24"."""
        decoded: Pixels = self._frame.to_ndarray(format=order)
        turns = round(self._frame.rotation / QUARTER_TURN_DEG) % 4  # counter-clockwise
        return np.ascontiguousarray(np.rot90(decoded, turns))


class Film:
    """An open film, made by `open_film`. One thread.

    Every method raises InvalidInputError for what cannot be decoded.
    """

    def __init__(self, path: Path, container: Any) -> None:
        """container: of PyAV, with a video stream."""
        self.path = path
        self._container = container
        self._stream = container.streams.video[0]
        with _decoding(path):
            first = next(container.decode(self._stream), None)
            if first is None:
                raise ValueError("it has no picture")
            self.starts_s = float(first.pts * self._stream.time_base)
            """When the first picture is shown by the clock of the file, which its sound shares."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate_hz = float(rate) if rate else USUAL_RATE_HZ
        """Pictures a second, on average."""
        self.pictures = int(self._stream.frames)
        """How many there are; 0 where the file does not tell."""

    def duration_s(self) -> float:
        """From the first picture to the end of the last."""
        for told, base in ((self._stream, self._stream.time_base), (self._container, _US)):
            if told.duration:
                return float((told.start_time or 0) + told.duration) * float(base) - self.starts_s
        with _decoding(self.path):
            self._container.seek(0)
            times = [float(packet.pts * packet.time_base) for packet in self._packets()]
        return max(times) - self.starts_s + 1 / self.rate_hz

    def from_(self, time_s: float = 0.0) -> Iterator[Shown]:
        """The pictures in their order, from one at or before a time on.

        InvalidInputError for times that no film has.
        """
        base = self._stream.time_base
        if not abs(time_s) < LONGEST_S:
            raise InvalidInputError(f"the video {self.path} has no picture at {time_s:g} s")
        with _decoding(self.path):
            self._container.seek(round((time_s + self.starts_s) / base), stream=self._stream)
            for frame in self._container.decode(self._stream):
                lasts_s = float((frame.duration or 0) * base) or 1 / self.rate_hz
                yield Shown(float(frame.pts * base) - self.starts_s, lasts_s, frame)

    def at(self, time_s: float) -> Shown:
        """The picture that is shown at a time. InvalidInputError past the end of what is there."""
        newest: Shown | None = None
        for shown in self.from_(time_s):
            if newest is not None and shown.time_s > time_s:
                return newest
            newest = shown
        if newest is None or time_s > newest.time_s + newest.lasts_s:
            end_s = 0.0 if newest is None else newest.time_s + newest.lasts_s
            raise InvalidInputError(
                f"the film {self.path} ends after {end_s:.2f} of its {self.duration_s():.2f} s; "
                "it is cut short"
            )
        return newest

    def _packets(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if packet.pts is not None:  # the last one flushes
                yield packet


@contextmanager
def open_film(path: Path) -> Iterator[Film]:
    """A film by its file. InvalidInputError for what is none, and where PyAV is not installed."""
    if not path.is_file():
        raise InvalidInputError(f"cannot read the video {path}: no such file")
    av = import_av(f"reading the video {path}")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise InvalidInputError(f"{path} is not a video that can be read: {error}") from error
    with container:
        if not container.streams.video:
            raise InvalidInputError(f"{path} is not a video: it has no pictures")
        yield Film(path, container)


def import_av(what_for: str) -> Any:
    """PyAV; InvalidInputError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise InvalidInputError(
            f"{what_for} needs PyAV; install it (pip install 'uio2_ros[video]')"
        ) from error
    return av


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    import av

    try:
        yield
    except (av.FFmpegError, ValueError, TypeError) as error:
        raise InvalidInputError(
            f"the video {path} is cut short or damaged, or in a format that cannot be decoded: "
            f"{error}; re-encode it"
        ) from error
