"""Observations as they travel, and back. numpy, OpenCV."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.pictures import PictureCodec, decode_picture, encode_picture
from uio2_ros.remote.protocol import SentFrame, SentObservation
from uio2_ros.remote.shelf import Shelf
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.observation import Frame, Observation

_KEYS = itertools.count(secrets.randbits(60))
"""Of all clients, whose own keys may be the same; those of two servers with one model differ."""


class FrameSender:
    """Turns observations into what the other end does not have yet. One thread."""

    def __init__(
        self, codec: PictureCodec, quality: int, shelf_bytes: int, picture_pixels: int
    ) -> None:
        """The bounds are those of the server's `Welcome`."""
        self._codec, self._quality = codec, quality
        self._picture_pixels = picture_pixels
        self._shelf: Shelf[bool] = Shelf(shelf_bytes)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """What is turned within counts as sent, unless an exception says that it was not."""
        before = self._shelf.copy()
        try:
            yield
        except Exception:
            self._shelf = before
            raise

    def observation(self, observation: Observation) -> SentObservation:
        """With the pictures that were not sent."""
        return SentObservation(
            history=tuple(map(self.frame, observation.history)),
            image=None if observation.image is None else self.frame(observation.image),
            audio=observation.audio,
            audio_rate=observation.audio_rate,
            camera=observation.camera,
            camera_problem=observation.camera_problem,
            robot_history=observation.robot_history,
        )

    def frame(self, frame: Frame) -> SentFrame:
        """With its picture unless the other end has it. InvalidInputError if it takes none of this
        size."""
        height, width = frame.pixels.shape[:2]
        if height * width > self._picture_pixels:
            raise InvalidInputError(
                f"a picture has {width} x {height} pixels; the server takes {self._picture_pixels}"
            )
        known = frame.key is not None and self._shelf.find(frame.key)
        picture = None if known else encode_picture(frame.pixels, self._codec, self._quality)
        if frame.key is not None and not known:
            self._shelf.put(frame.key, frame.pixels.nbytes, True)
        return SentFrame(frame.stamp_ns, frame.frame_id, frame.key, picture)


class FrameReceiver:
    """Turns what came from one client into observations. One thread."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._shelf: Shelf[Frame] = Shelf(limits.shelf_bytes)

    def observation(self, sent: SentObservation) -> Observation:
        """Raises what `frame` raises, and InvalidInputError for too much sound."""
        seconds = 0.0 if sent.audio is None else sent.audio.size / max(1, sent.audio_rate)
        if seconds > self._limits.sound_seconds or sent.audio_rate <= 0:
            raise InvalidInputError(
                f"{seconds:g} s of sound at {sent.audio_rate} Hz came; expected at most "
                f"{self._limits.sound_seconds:g} s"
            )
        return Observation(
            history=tuple(map(self.frame, sent.history)),
            image=None if sent.image is None else self.frame(sent.image),
            audio=sent.audio,
            audio_rate=sent.audio_rate,
            camera=sent.camera,
            camera_problem=sent.camera_problem,
            robot_history=sent.robot_history,
        )

    def frame(self, sent: SentFrame) -> Frame:
        """With a key that no other client's has. InvalidInputError for a picture that is none, is
        too large, or is not there any more."""
        if sent.picture is None:
            kept = None if sent.key is None else self._shelf.find(sent.key)
            if kept is None:
                raise InvalidInputError(f"no picture {sent.key} was kept; send it again")
            return kept
        pixels = decode_picture(sent.picture, self._limits.picture_pixels)
        if sent.key is None:
            return Frame(pixels, sent.stamp_ns, sent.frame_id)
        frame = Frame(pixels, sent.stamp_ns, sent.frame_id, next(_KEYS))
        self._shelf.put(sent.key, pixels.nbytes, frame)
        return frame
