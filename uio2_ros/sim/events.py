"""What happens in a scene before the instruction is given, seen or heard by who watches."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.sim.spec import ObjectPose


@dataclass(frozen=True)
class Wait:
    """Nothing happens for a while."""

    seconds: float


@dataclass(frozen=True)
class Ring:
    """An object gives its sound; nothing is to be seen."""

    name: str


@dataclass(frozen=True)
class Shift:
    """Somebody lifts an object and sets it down elsewhere; nothing is to be heard."""

    name: str
    to: ObjectPose
    seconds: float = 1.0


Event = Wait | Ring | Shift
