"""What the world memory knows, in words for people and as JSON for programs. No ROS."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from uio2_ros.robot.located import RememberedObject
from uio2_ros.robot.time import to_s


def sentence(one: RememberedObject) -> str:
    """Where, how sure, how long ago."""
    x, y, z = one.pose.position
    seen = f"seen {one.sightings} times, {one.age_s:.0f} s ago"
    missed = f", missed {one.missed} times since" if one.missed else ""
    return (
        f"{one.label} #{one.id}: {x:.3f} {y:.3f} {z:.3f} m in {one.frame_id}, give or take "
        f"{one.deviation_m:.2f} m by {one.source.name.lower()}; {seen}{missed}"
    )


def remembered_json(one: RememberedObject) -> dict[str, Any]:
    """All of it but the picture, of which the size in bytes is told; metres, seconds."""
    return {
        **asdict(one),
        "source": one.source.name,
        "picture": len(one.picture),
        "stamp_s": to_s(one.stamp_ns),
    }
