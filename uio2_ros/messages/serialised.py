"""Messages as bytes, as the middleware and recordings have them; checking them needs no ROS."""

from __future__ import annotations

from typing import TypeVar

from uio2_ros.robot.errors import InvalidInputError

ENCAPSULATION_BYTES = 4
_PADDING = 0b11
"""In the last byte of the encapsulation: how many bytes at the end are none of the message's
(DDS-XTypes 7.6.3.1.2)."""

Message = TypeVar("Message")


def check_encapsulation(serialised: bytes) -> None:
    """InvalidInputError for bytes at which Fast CDR ends the process instead of refusing them.

    It takes the padding off the length before it looks whether there is as much (Fast CDR 2.2).
    """
    body = len(serialised) - ENCAPSULATION_BYTES
    if body >= 0 and serialised[ENCAPSULATION_BYTES - 1] & _PADDING > body:
        raise InvalidInputError(
            f"a message of {len(serialised)} bytes says that more of them fill it up: cut off"
        )


def deserialised(serialised: bytes, kind: type[Message]) -> Message:
    """The message of a type; InvalidInputError if the bytes are none."""
    from rclpy.serialization import deserialize_message

    check_encapsulation(serialised)
    try:
        message: Message = deserialize_message(serialised, kind)
    except Exception as error:  # rclpy names no narrower class
        raise InvalidInputError(
            f"a {kind.__name__} of {len(serialised)} bytes cannot be deserialised: {error}"
        ) from error
    return message
