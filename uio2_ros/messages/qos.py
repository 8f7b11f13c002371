"""Quality of service of subscriptions: that of the publishers, so that messages arrive.

A subscription hears a publisher only if it asks for no more than that one offers (reliability and
durability; what else there is, a subscription of this package never asks for).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of what stays true until the next message: who listens later gets the newest."""
STATIC_TRANSFORMS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of /tf_static, on which every publisher's newest counts."""


class Endpoint(Protocol):
    """What rclpy's TopicEndpointInfo tells of a publisher."""

    node_name: str
    node_namespace: str
    topic_type: str
    qos_profile: QoSProfile


@dataclass(frozen=True)
class OfferedQoS:
    """The reliability and durability shared by all publishers: the weaker where they differ."""

    reliable: bool = False
    transient_local: bool = False

    @classmethod
    def of(cls, publishers: Sequence[Endpoint]) -> OfferedQoS:
        """What every one of the publishers gives; the weakest if there is none yet."""
        profiles = [publisher.qos_profile for publisher in publishers]
        return cls(
            reliable=bool(profiles)
            and all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles),
            transient_local=bool(profiles)
            and all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in profiles),
        )

    def profile(self, depth: int) -> QoSProfile:
        """The profile of a subscription that keeps the last `depth` messages."""
        reliability = ReliabilityPolicy.RELIABLE if self.reliable else ReliabilityPolicy.BEST_EFFORT
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=depth,
            reliability=reliability,
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL
                if self.transient_local
                else DurabilityPolicy.VOLATILE
            ),
        )

    def __str__(self) -> str:
        reliability = "reliable" if self.reliable else "best effort"
        return f"{reliability}, {'transient local' if self.transient_local else 'volatile'}"


def mismatches(
    publishers: Sequence[Endpoint], expected_type: str, profile: QoSProfile
) -> list[str]:
    """Why messages of some publishers do not arrive as sent, one sentence each; [] if all do."""
    problems = []
    for publisher in publishers:
        name = f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}"
        if publisher.topic_type != expected_type:
            problems.append(
                f"{name} publishes {publisher.topic_type}, but {expected_type} is expected"
            )
            continue
        compatibility, reason = qos_check_compatible(publisher.qos_profile, profile)
        if compatibility == QoSCompatibility.ERROR:
            problems.append(f"{name} cannot be heard with this QoS: {reason}")
    offers = {str(OfferedQoS.of([publisher])) for publisher in publishers}
    if len(offers) > 1:
        problems.append(
            f"publishers differ in QoS ({' and '.join(sorted(offers))}); the weaker is used"
        )
    return problems
