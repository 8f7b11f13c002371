"""Where the camera node's pictures come from: a V4L2 device, a video, a folder or one picture.

Imports OpenCV, numpy and for videos PyAV, no rclpy. A source is opened by `open_source`, read by
one thread at a time and closed by the same thread. Everything that can go wrong is a `SourceError`
with a remedy.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.media.films import open_film
from uio2_ros.media.pictures import SUFFIXES, decode_picture
from uio2_ros.nodes.sources.source_error import SourceError
from uio2_ros.robot.errors import InvalidInputError

Pixels = npt.NDArray[np.uint8]

DEMONSTRATION_PICTURE = Path(__file__).parents[2] / "assets" / "demo.jpg"
NAMED_FILES = 3
"""So many of those skipped are named."""
TIME_ROUNDING_S = 1e-3
"""A video's times are rounded to this at worst."""
LONGEST_BELIEVABLE_AGE_S = 1.0
"""A driver that dates a frame further back uses a clock that is not CLOCK_MONOTONIC."""


@dataclass(frozen=True)
class CameraFrame:
    """One frame: (height, width, 3) uint8 in BGR order, captured `age_s` seconds ago."""

    bgr: Pixels
    age_s: float = 0.0


@dataclass(frozen=True)
class DeviceFormat:
    """What to ask a V4L2 device for; 0 leaves its own choice. It may give something else."""

    width: int = 0
    height: int = 0
    rate_hz: float = 0.0


class PictureSource(Protocol):
    """Pictures in real time.

    `name` is for people. `rate_hz` is the fastest rate that gives a new picture each time, infinity
    for pictures without a clock. `live` sources are paced by hardware: `read` blocks until the next
    frame and returns None for one taken before `due_s`; of other sources the caller waits until
    `due_s` and `read` returns at once. Times are seconds of time.monotonic(). `warning` says what
    is wrong although there are pictures; "" if nothing.
    """

    name: str
    rate_hz: float
    live: bool

    @property
    def warning(self) -> str: ...

    def read(self, due_s: float) -> CameraFrame | None:
        """The picture of time `due_s`. Raises SourceError when there are no more."""

    def close(self) -> None:
        """Give the device or file back."""


class Still:
    """One picture file, again and again."""

    rate_hz = float("inf")
    live = False
    warning = ""

    def __init__(self, path: Path) -> None:
        self.name = f"picture {path}"
        self._picture = CameraFrame(_read_picture(path))

    def read(self, due_s: float) -> CameraFrame:
        """The same picture at any time."""
        del due_s
        return self._picture

    def close(self) -> None:
        """Nothing is held open."""


class Folder:
    """The pictures of a folder in the order of their names, each shown once, then again.

    What cannot be read is skipped, and named in `warning`.
    """

    rate_hz = float("inf")
    live = False

    def __init__(self, path: Path) -> None:
        self.name = f"folder {path}"
        self._files = _pictures_in(path)
        self._shown = 0
        self._skipped: dict[str, str] = {}

    @property
    def warning(self) -> str:
        """Which files are skipped, and why the first of them is."""
        if not self._skipped:
            return ""
        names = ", ".join(list(self._skipped)[:NAMED_FILES])
        more = ", ..." if len(self._skipped) > NAMED_FILES else ""
        count = f"{len(self._skipped)} of {len(self._files)} files are skipped"
        return f"{count} ({names}{more}): {next(iter(self._skipped.values()))}"

    def read(self, due_s: float) -> CameraFrame:
        """The next file that can be read, whatever the time."""
        del due_s
        for _ in self._files:
            file = self._files[self._shown % len(self._files)]
            self._shown += 1
            try:
                picture = CameraFrame(_read_picture(file))
            except SourceError as problem:
                self._skipped[file.name] = problem.problem
                continue
            self._skipped.pop(file.name, None)
            return picture
        raise SourceError(f"no picture of {self.name} can be read: {self.warning}", "replace them")

    def close(self) -> None:
        """Nothing is held open."""


class Video:
    """A video file at its own speed, from the start again at its end."""

    live = False
    warning = ""

    def __init__(self, path: Path) -> None:
        self.name = f"video {path}"
        self._open = ExitStack()
        with _as_source_error("give a video (mp4, avi, mkv), a picture or a folder of pictures"):
            self._film = self._open.enter_context(open_film(path))
            self._pictures = self._film.from_()
            self._shown = next(self._pictures)
            self._next = next(self._pictures, None)
            self._bgr = self._shown.pixels("bgr24")
        self.rate_hz = self._film.rate_hz
        self._began_s: float | None = None
        """When the first picture was due, this time round."""

    def read(self, due_s: float) -> CameraFrame:
        """The picture that a player started at the first call shows at `due_s`."""
        if self._began_s is None:
            self._began_s = due_s
        before = self._shown
        with _as_source_error("re-encode it, or check its disk"):
            while self._is_over(due_s):
                self._advance()
            if self._shown is not before:
                self._bgr = self._shown.pixels("bgr24")
        return CameraFrame(self._bgr)

    def _is_over(self, due_s: float) -> bool:
        """Whether the picture shown is not the one of a time any more."""
        assert self._began_s is not None
        end_s = self._next.time_s if self._next else self._shown.time_s + self._shown.lasts_s
        return due_s - self._began_s > end_s - TIME_ROUNDING_S

    def _advance(self) -> None:
        if self._next is None:
            assert self._began_s is not None
            self._began_s += self._shown.time_s + self._shown.lasts_s
            self._pictures = self._film.from_()
            self._next = next(self._pictures)
        self._shown, self._next = self._next, next(self._pictures, None)

    def close(self) -> None:
        """Give the file back."""
        self._open.close()


class V4L2Camera:
    """A V4L2 camera. Frames not due are taken from the driver but not decoded."""

    live = True
    warning = ""

    def __init__(self, path: str, wanted: DeviceFormat) -> None:
        self.name = f"camera {path}"
        self._capture = _open_device(path, wanted)
        self.rate_hz = self._capture.get(cv2.CAP_PROP_FPS) or 30.0
        if not self._capture.grab():
            self.close()
            raise SourceError(
                f"{path} opens but gives no picture",
                f"check that it is a camera and that no other program uses it (fuser -v {path})",
            )

    def read(self, due_s: float) -> CameraFrame | None:
        """Wait for the next frame; None if it was taken before `due_s`."""
        if not self._capture.grab():
            raise SourceError(f"{self.name} stopped giving pictures", "check its cable")
        age_s = frame_age_s(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, time.monotonic())
        if time.monotonic() - age_s < due_s - 0.5 / self.rate_hz:
            return None
        decoded, bgr = self._capture.retrieve()
        if not decoded:
            raise SourceError(f"{self.name} gave a frame that cannot be decoded", "check its cable")
        return CameraFrame(_pixels(bgr), age_s)

    def close(self) -> None:
        """Give the device or file back."""
        self._capture.release()


def frame_age_s(driver_time_s: float, now_s: float) -> float:
    """Seconds since the driver took the frame; 0 where it does not use the monotonic clock."""
    age_s = now_s - driver_time_s
    return age_s if 0.0 <= age_s <= LONGEST_BELIEVABLE_AGE_S else 0.0


def open_source(source: str, wanted: DeviceFormat) -> PictureSource:
    """The source a person named, see `bringup.Settings.camera`. SourceError if it gives nothing."""
    if source == "auto":
        return _first_camera(wanted) or Still(DEMONSTRATION_PICTURE)
    if not source:
        return Still(DEMONSTRATION_PICTURE)
    if source.isdigit() or source.startswith("/dev/"):
        return V4L2Camera(f"/dev/video{source}" if source.isdigit() else source, wanted)
    path = Path(source).expanduser()
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise SourceError(
            f"there is no file or folder {path.absolute()}",
            "give a camera (/dev/video0 or 0), a picture, a video or a folder of pictures",
        )
    return Still(path) if path.suffix.lower() in SUFFIXES else Video(path)


def is_demonstration(source: PictureSource) -> bool:
    """Whether the shipped picture is shown in place of a camera."""
    return source.name == f"picture {DEMONSTRATION_PICTURE}"


def cameras_present() -> list[str]:
    """V4L2Camera files of the V4L2 devices, in the order of their numbers."""
    return sorted(map(str, Path("/dev").glob("video[0-9]*")), key=_device_number)


def _device_number(path: str) -> int:
    number = re.search(r"\d+$", path)
    return int(number.group()) if number else 0


def _first_camera(wanted: DeviceFormat) -> V4L2Camera | None:
    working = (_working_camera(path, wanted) for path in cameras_present())
    return next((camera for camera in working if camera is not None), None)


def _working_camera(path: str, wanted: DeviceFormat) -> V4L2Camera | None:
    """None for metadata and output devices, which have numbers of their own."""
    try:
        return V4L2Camera(path, wanted)
    except SourceError:
        return None


def _open_device(path: str, wanted: DeviceFormat) -> cv2.VideoCapture:
    if not Path(path).exists():
        present = ", ".join(cameras_present()) or "none"
        raise SourceError(
            f"there is no camera {path} (present: {present})",
            "plug it in or name another source, such as a picture or video file",
        )
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceError(
            f"{path} cannot be opened as a camera",
            "check that it is one, that no other program uses it and that you may read it "
            '(sudo usermod -aG video "$USER", then log in again)',
        )
    for setting, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, wanted.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, wanted.height),
        (cv2.CAP_PROP_FPS, wanted.rate_hz),
    ):
        if value:
            capture.set(setting, value)
    return capture


def _pictures_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SourceError(
            f"{folder} holds no pictures",
            f"put some there ({', '.join(sorted(SUFFIXES))}) or name another folder",
        )
    return files


def _read_picture(path: Path) -> Pixels:
    remedy = "give a JPEG, PNG or another picture"
    try:
        with _as_source_error(remedy, f"{path}: "):
            return _pixels(decode_picture(path.read_bytes()))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", remedy) from error


@contextmanager
def _as_source_error(remedy: str, before: str = "") -> Iterator[None]:
    try:
        yield
    except InvalidInputError as problem:
        raise SourceError(f"{before}{problem}", remedy) from problem


def _pixels(bgr: npt.ArrayLike) -> Pixels:
    return np.asarray(bgr, dtype=np.uint8)
