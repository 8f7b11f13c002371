"""The QoS of a topic's publishers as rosbag2 stores it: YAML in the metadata of the channel. rclpy.

Written as rosbag2 of Jazzy does (words); its numbers of older versions are understood too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from rclpy.duration import Duration
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

from uio2_ros.recording.failures import RecordingError
from uio2_ros.robot.time import split

KEY = "offered_qos_profiles"
DEFAULT_DEPTH = 10
_FOREVER = {"sec": 9223372036, "nsec": 854775807}


def to_yaml(profiles: Sequence[QoSProfile]) -> str:
    """The profiles of a topic's publishers."""
    return yaml.safe_dump([_entry(profile) for profile in profiles], sort_keys=False)


def profile_of(text: str) -> QoSProfile:
    """What to publish a recorded topic with: reliable and latched if any of its publishers was.

    RecordingError for a text that is no list of profiles.
    """
    try:
        entries = yaml.safe_load(text or "[]")
        profiles = [_profile(entry) for entry in entries]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(
            f"the QoS of a topic in this recording cannot be understood ({error}): {text[:200]!r}"
        ) from error
    if not profiles:
        return QoSProfile(depth=DEFAULT_DEPTH)
    reliable = any(each.reliability is ReliabilityPolicy.RELIABLE for each in profiles)
    latched = any(each.durability is DurabilityPolicy.TRANSIENT_LOCAL for each in profiles)
    return QoSProfile(
        depth=max(profile.depth for profile in profiles) or DEFAULT_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _entry(profile: QoSProfile) -> dict[str, Any]:
    return {
        "history": _word(profile.history, HistoryPolicy.KEEP_LAST),
        "depth": int(profile.depth) or DEFAULT_DEPTH,
        "reliability": _word(profile.reliability, ReliabilityPolicy.RELIABLE),
        "durability": _word(profile.durability, DurabilityPolicy.VOLATILE),
        "deadline": _time(profile.deadline),
        "lifespan": _time(profile.lifespan),
        "liveliness": _word(profile.liveliness, LivelinessPolicy.AUTOMATIC),
        "liveliness_lease_duration": _time(profile.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": False,
    }


def _word(policy: Any, usual: Any) -> str:
    """ "keep_last", "reliable", ...; discovery does not tell all of them (UNKNOWN)."""
    known = policy if policy.name not in ("UNKNOWN", "SYSTEM_DEFAULT") else usual
    return str(known.name).lower()


def _time(duration: Duration) -> dict[str, int]:
    seconds, nanoseconds = split(duration.nanoseconds)
    if seconds >= _FOREVER["sec"] or seconds == 0 == nanoseconds:
        return dict(_FOREVER)
    return {"sec": seconds, "nsec": nanoseconds}


def _profile(entry: dict[str, Any]) -> QoSProfile:
    return QoSProfile(
        depth=int(entry["depth"]),
        reliability=_policy(ReliabilityPolicy, entry["reliability"]),
        durability=_policy(DurabilityPolicy, entry["durability"]),
    )


def _policy(kind: Any, value: Any) -> Any:
    return kind(value) if isinstance(value, int) else kind[str(value).upper()]
