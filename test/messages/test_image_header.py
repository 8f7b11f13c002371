"""The header of a serialised picture is read without the picture."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodes.robot import FRAME_ID, header
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from uio2_ros.messages.image_header import ImageHeader, peek_header
from uio2_ros.robot.errors import InvalidInputError

pytestmark = pytest.mark.ros


@given(
    stamp_ns=st.integers(0, 2**31 * 10**9 - 1),
    frame_id=st.text(st.characters(codec="utf-8", min_codepoint=1), max_size=40),
)
@settings(max_examples=50, deadline=None)
def test_peeking_agrees_with_the_middleware(stamp_ns: int, frame_id: str) -> None:
    for kind in (Image, CompressedImage):
        serialised = serialize_message(kind(header=header(stamp_ns, frame_id)))
        assert peek_header(serialised) == ImageHeader(stamp_ns, frame_id)


def test_big_endian_is_read_too() -> None:
    serialised = bytes.fromhex("00000000 00000003 00000005 00000004 61626300")
    assert peek_header(serialised) == ImageHeader(3_000_000_005, "abc")


@pytest.mark.parametrize(
    ("kept", "text"), [(0, "expected plain CDR"), (3, "cut off"), (15, "cut off")]
)
def test_what_is_no_message_is_refused(kept: int, text: str) -> None:
    serialised = serialize_message(Image(header=header(5, FRAME_ID)))
    with pytest.raises(InvalidInputError, match=text):
        peek_header(serialised[:kept])


def test_another_encapsulation_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="000b0000"):
        peek_header(bytes.fromhex("000b0000") + bytes(40))
