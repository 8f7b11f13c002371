"""Transforms become links; one that is none is left out, and said."""

from __future__ import annotations

import logging
import math

import pytest
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

from uio2_ros.messages.stamps import time_message
from uio2_ros.messages.transforms import links_of


def stamped(child: str, *, x: float = 1.0, w: float = 1.0) -> TransformStamped:
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id, found.header.stamp = "/base_link", time_message(7)
    found.transform.translation.x, found.transform.rotation.w = x, w
    return found


def test_links_hold_for_ever_on_tf_static_and_at_their_stamp_on_tf() -> None:
    message = TFMessage(transforms=[stamped("/camera")])
    (moving,), (still,) = (list(links_of(message, static=static)) for static in (False, True))
    assert (moving.parent, moving.child, moving.stamp_ns) == ("base_link", "camera", 7)
    assert moving.pose.position == (1.0, 0.0, 0.0)
    assert still.stamp_ns is None


def test_what_is_no_transform_is_left_out_and_said() -> None:
    message = TFMessage(
        transforms=[stamped("arm", w=0.0), stamped("eye", x=math.nan), stamped("camera")]
    )
    said: list[str] = []
    assert [link.child for link in links_of(message, static=True, on_bad=said.append)] == ["camera"]
    assert [text.split(":")[0] for text in said] == ["transform of 'arm'", "transform of 'eye'"]


def test_without_a_node_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    message = TFMessage(transforms=[stamped("said once", w=0.0)])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert list(links_of(message, static=False)) == []
    assert len(caplog.records) == 1
