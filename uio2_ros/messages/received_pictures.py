"""Pictures of the types that a topic of pictures may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uio2_ros.messages.compressed import compressed_to_rgb
from uio2_ros.messages.images import Pixels, image_to_rgb
from uio2_ros.messages.serialised import deserialised
from uio2_ros.robot.encoded_picture import MOST_PIXELS


def decode_picture(type_name: str, serialised: bytes, most_pixels: int = MOST_PIXELS) -> Pixels:
    """The RGB pixels of a serialised Image or CompressedImage; InvalidInputError if it has none."""
    from sensor_msgs import msg

    message = deserialised(serialised, getattr(msg, type_name.rpartition("/")[2]))
    return PICTURE_TYPES[type_name](message, most_pixels)


PICTURE_TYPES: dict[str, Callable[[Any, int], Pixels]] = {
    "sensor_msgs/msg/Image": lambda message, _: image_to_rgb(message),
    "sensor_msgs/msg/CompressedImage": compressed_to_rgb,
}
"""How to read the types; compressed ones of no more than so many pixels."""
