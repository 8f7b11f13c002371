"""Stamp, frame and size of a serialised picture, read without deserialising its pixels.

sensor_msgs/Image and CompressedImage both begin with std_msgs/Header. ROS 2 serialises them as
plain CDR (OMG DDS-RTPS 10.2): four bytes of encapsulation, then the fields, each aligned to its
size, counted from the end of the encapsulation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.time import joined

_BYTE_ORDERS = {b"\x00\x00": ">", b"\x00\x01": "<"}
_ENCAPSULATION_BYTES = 4
_FIXED_BYTES = _ENCAPSULATION_BYTES + 12  # sec, nanosec, length of frame_id


@dataclass(frozen=True)
class ImageHeader:
    """The header of a picture's message."""

    stamp_ns: int
    frame_id: str


def peek_header(serialised: bytes) -> ImageHeader:
    """The header of a serialised message that starts with one; InvalidInputError if it does not."""
    order = _BYTE_ORDERS.get(serialised[:2])
    if order is None:
        raise InvalidInputError(
            f"a picture's message begins with {serialised[:4].hex()}; expected plain CDR "
            "(0000 or 0001): is its publisher's middleware compatible with ROS 2?"
        )
    if len(serialised) < _FIXED_BYTES:
        raise InvalidInputError(f"a picture's message has {len(serialised)} bytes: cut off")
    seconds, nanoseconds, length = struct.unpack_from(f"{order}iII", serialised, 4)
    name = serialised[_FIXED_BYTES : _FIXED_BYTES + max(0, length - 1)]  # without the final NUL
    return ImageHeader(joined(seconds, nanoseconds), name.decode("utf-8", "replace"))
