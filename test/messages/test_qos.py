"""A subscription asks for what all publishers give, and names those it cannot hear."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from uio2_ros.messages.qos import OfferedQoS, mismatches

pytestmark = pytest.mark.ros

TYPE = "sensor_msgs/msg/Image"


def publisher(
    *, reliable: bool = True, latched: bool = False, topic_type: str = TYPE
) -> SimpleNamespace:
    profile = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
    return SimpleNamespace(
        node_name="camera", node_namespace="/head", topic_type=topic_type, qos_profile=profile
    )


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("latched", [False, True])
def test_one_publisher_is_copied(reliable: bool, latched: bool) -> None:
    publishers = [publisher(reliable=reliable, latched=latched)]
    offer = OfferedQoS.of(publishers)
    assert offer == OfferedQoS(reliable, latched)
    assert mismatches(publishers, TYPE, offer.profile(2)) == []


def test_without_publishers_anything_can_be_heard() -> None:
    assert str(OfferedQoS.of([])) == "best effort, volatile"


def test_of_several_the_weaker_is_taken_and_said() -> None:
    publishers = [publisher(), publisher(reliable=False)]
    offer = OfferedQoS.of(publishers)
    assert not offer.reliable
    (problem,) = mismatches(publishers, TYPE, offer.profile(2))
    assert "best effort, volatile and reliable, volatile" in problem


def test_a_publisher_that_cannot_be_heard_is_named() -> None:
    (problem,) = mismatches([publisher(reliable=False)], TYPE, OfferedQoS(reliable=True).profile(2))
    assert problem.startswith("/head/camera cannot be heard")


def test_a_publisher_of_another_type_is_named() -> None:
    (problem,) = mismatches([publisher(topic_type="a/msg/B")], TYPE, OfferedQoS().profile(2))
    assert problem == f"/head/camera publishes a/msg/B, but {TYPE} is expected"
