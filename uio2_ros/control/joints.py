"""Where the joints are, as `joint_states` tells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.time import is_fresh


class JointStates:
    """The newest position of each joint, with its time. One thread."""

    def __init__(self, timeout_s: float) -> None:
        """timeout_s: seconds after which a position counts no more; 0: positions are not needed."""
        self._timeout_s = timeout_s
        self._positions: dict[str, tuple[float, float]] = {}

    def hear(self, positions: Mapping[str, float], now_s: float) -> None:
        """Positions, rad or m; those that are no numbers are not taken."""
        for joint, position in positions.items():
            if math.isfinite(position):
                self._positions[joint] = (position, now_s)

    def known(self, now_s: float) -> int:
        """How many joints have a position that counts."""
        return sum(not math.isnan(self.at(joint, now_s)) for joint in self._positions)

    def at(self, joint: str, now_s: float) -> float:
        """The position of a joint; NaN if it is not known, too old, or of a time to come."""
        position, heard_s = self._positions.get(joint, (math.nan, now_s))
        counts = self._timeout_s <= 0 or is_fresh(heard_s, now_s, self._timeout_s)
        return position if counts else math.nan

    def positions(self, joints: Iterable[str], now_s: float) -> tuple[float, ...] | None:
        """Where all of these joints are; None if that is not known of one."""
        found = tuple(self.at(joint, now_s) for joint in joints)
        return None if any(map(math.isnan, found)) else found

    def expect(self, joints: Iterable[str], now_s: float) -> None:
        """PlanError NO_STATE if positions are needed and those of some joints are not known."""
        if self._timeout_s <= 0:
            return
        missing = [joint for joint in joints if math.isnan(self.at(joint, now_s))]
        if missing:
            raise PlanError(Cause.NO_STATE, _complaint(missing, self._timeout_s))


def _complaint(missing: Sequence[str], timeout_s: float) -> str:
    return (
        f"joint_states said nothing of {', '.join(missing)} in the last {timeout_s:g} s; start "
        "the joint_state_broadcaster, correct the joint names in the action space, or set "
        "joint_state_timeout to 0 to move without knowing where the arm is"
    )
