"""What can be chosen of depth and memory."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import Effect, setting


@dataclass(frozen=True)
class DepthSettings:
    """The depth camera, if there is one."""

    enabled: bool = setting(
        False, "take the depth of what is found from aligned_depth, registered with image"
    )
    tolerance_s: float = setting(
        0.05,
        "seconds that may lie between the picture asked about and the depth used",
        high=10.0,
        name="tolerance",
        effect=Effect.NOW,
    )
    kept: int = setting(8, "depth pictures kept, to find the nearest", low=1, high=100)
    plane_frame: str = setting(
        "",
        "frame whose z = 0 is the plane that things stand on, for the range of what has no depth; "
        "empty: no such plane",
    )


@dataclass(frozen=True)
class MemorySettings:
    """The world memory, if there is one."""

    file: str = setting(
        "",
        "SQLite file of the world memory; :memory: for one that ends with the agent; empty: none",
    )
    frame: str = setting("odom", "fixed frame of what is remembered; map where there is one")
    least_score: float = setting(
        0.3, "least score of what is remembered, where the model gives scores", high=1.0
    )
    merge_distance_m: float = setting(
        0.1, "metres within which what has one label is one object", name="merge_distance"
    )
    misses: int = setting(
        3, "looks in a row that do not find an object where it must be, until it is gone", low=1
    )
    max_age_s: float = setting(
        604800.0,
        "seconds after which an object that was not seen again is forgotten; 0: never",
        high=1e9,
        name="max_age",
    )
    most: int = setting(1000, "objects remembered; the one not seen longest goes first", low=1)
    picture_pixels: int = setting(
        320, "pixels a side of the largest picture kept of an object; 0: none", high=4096
    )

    @property
    def is_used(self) -> bool:
        """Whether there is a memory."""
        return bool(self.file)
