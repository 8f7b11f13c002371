"""Pictures of the types that a topic of pictures may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uio2_ros.messages.compressed import compressed_to_rgb
from uio2_ros.messages.images import Pixels, image_to_rgb
from uio2_ros.robot.encoded_picture import MOST_PIXELS
from uio2_ros.robot.errors import InvalidInputError


def decode_picture(type_name: str, serialised: bytes, most_pixels: int = MOST_PIXELS) -> Pixels:
    """The RGB pixels of a serialised Image or CompressedImage; InvalidInputError if it has none."""
    from rclpy.serialization import deserialize_message
    from sensor_msgs import msg

    try:
        message = deserialize_message(serialised, getattr(msg, type_name.rpartition("/")[2]))
    except Exception as error:  # rclpy names no narrower class
        raise InvalidInputError(
            f"a {type_name} of {len(serialised)} bytes cannot be deserialised: {error}"
        ) from error
    return PICTURE_TYPES[type_name](message, most_pixels)


PICTURE_TYPES: dict[str, Callable[[Any, int], Pixels]] = {
    "sensor_msgs/msg/Image": lambda message, _: image_to_rgb(message),
    "sensor_msgs/msg/CompressedImage": compressed_to_rgb,
}
"""How to read the types; compressed ones of no more than so many pixels."""
