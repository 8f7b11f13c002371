"""What a client asks, checked and turned into the goal of the agent's action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from uio2_ros.action import Instruct
from uio2_ros.client.failures import AgentError
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode

SEEDS = range(-(2**63), 2**63)


class Limits(TypedDict, total=False):
    """What every way to ask takes beside its own arguments.

    max_age_s: seconds the picture may be old; timeout_s: seconds the answer may take; 0 leaves
    either to the agent. seed: 0 decodes as the task does by default, any other samples with it.
    """

    max_age_s: float
    timeout_s: float
    seed: int


@dataclass(frozen=True)
class Request:
    """One instruction. AgentError INVALID_REQUEST for numbers that no goal can hold."""

    instruction: str
    task: str = ""
    options: tuple[str, ...] = ()
    region: Box | None = None
    action_space: str = ""
    max_age_s: float = 0.0
    timeout_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed not in SEEDS:
            raise _invalid(
                f"the seed is {self.seed}; give one from {SEEDS.start} to {SEEDS.stop - 1}"
            )
        for name in ("max_age_s", "timeout_s"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise _invalid(f"{name} is {seconds}; give 0 (the agent's default) or more")

    def goal(self) -> Instruct.Goal:
        """The goal of the agent's `~/instruct` action."""
        goal = Instruct.Goal(
            instruction=self.instruction,
            task=self.task,
            options=list(self.options),
            action_space=self.action_space,
            max_age=float(self.max_age_s),
            timeout=float(self.timeout_s),
            seed=self.seed,
        )
        if self.region is not None:
            center, size = self.region.center, self.region.size
            goal.region.center.position.x, goal.region.center.position.y = map(float, center)
            goal.region.size_x, goal.region.size_y = map(float, size)
        return goal


def _invalid(message: str) -> AgentError:
    return AgentError(ErrorCode.INVALID_REQUEST, message)
