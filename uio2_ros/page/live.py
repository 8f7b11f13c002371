"""The newest picture of the camera as JPEG, for as many browsers as look. rclpy.

The topic is listened to only while somebody looks, and a picture is decoded and written once,
whoever is sent it: what a browser is too slow for is left out.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from uio2_ros.media.pictures import jpeg_of
from uio2_ros.messages.received_pictures import PICTURE_TYPES, decode_picture
from uio2_ros.nodes.adopting_subscription import AdoptingSubscription
from uio2_ros.page.settings import PageSettings
from uio2_ros.viewing.pen import Pixels

QUALITY = 82
"""Of the JPEGs: 640 x 480 pixels of the simulator take some 40 kB."""
UNWATCHED_S = 5.0
"""How long the topic is listened to after the last look."""


@dataclass(frozen=True)
class ShownPicture:
    """A picture as browsers get it, and the size of the one that it was made of."""

    jpeg: bytes
    width: int
    height: int


def encode(pixels: Pixels, most_width: int) -> ShownPicture:
    """RGB (H, W, 3) as JPEG, no wider than `most_width`."""
    height, width = pixels.shape[:2]
    if width > most_width:
        size = (most_width, max(1, round(height * most_width / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return ShownPicture(jpeg_of(pixels, QUALITY), width, height)


class LivePicture:
    """What the camera sees now. `follow` is for the thread that spins the node, the rest for any.

    InvalidInputError of a picture that cannot be shown is raised by `shown`.
    """

    def __init__(self, node: Node, settings: PageSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # guards the newest message
        self._encoding = threading.Lock()  # held by who encodes
        self._newest: tuple[int, str, bytes] | None = None
        self._encoded: tuple[int, ShownPicture] | None = None
        self._looked_s = -UNWATCHED_S
        self.arrived_s = -UNWATCHED_S
        """When the newest came, by time.monotonic()."""
        self._subscription = AdoptingSubscription(
            node,
            "image/compressed" if settings.compressed else "image",
            tuple(PICTURE_TYPES),
            self._keep,
            depth=1,
            group=ReentrantCallbackGroup(),
            raw=True,
        )

    def follow(self) -> None:
        """Listens while somebody looks; to be called now and then."""
        if time.monotonic() - self._looked_s < UNWATCHED_S:
            self._subscription.open()
            self._subscription.follow()
        else:
            self._subscription.close()

    def look(self) -> int:
        """Somebody looks; the number of the newest picture, 0 before any."""
        self._looked_s = time.monotonic()
        with self._lock:
            return self._newest[0] if self._newest else 0

    def shown(self) -> ShownPicture | None:
        """The newest picture; None before any. Takes milliseconds where nobody has asked for it."""
        with self._encoding:
            with self._lock:
                newest = self._newest
            if newest is None:
                return None
            number, type_name, message = newest
            if self._encoded is None or self._encoded[0] != number:
                pixels = decode_picture(type_name, message)
                self._encoded = number, encode(pixels, self._settings.picture_width)
            return self._encoded[1]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the picture shown last, as it came; None before any."""
        encoded = self._encoded
        return None if encoded is None else (encoded[1].width, encoded[1].height)

    @property
    def scale(self) -> float:
        """How much smaller pictures are shown than they came."""
        size = self.size
        return 1.0 if size is None else min(1.0, self._settings.picture_width / size[0])

    def _keep(self, type_name: str, message: bytes) -> None:
        with self._lock:
            self.arrived_s = time.monotonic()
            self._newest = (self._newest[0] + 1 if self._newest else 1, type_name, message)
