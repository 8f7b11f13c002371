"""What all ways of carrying out a plan have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from uio2_ros.control.commands import Command
from uio2_ros.robot.plan_errors import PlanError


@dataclass(frozen=True)
class PlanProgress:
    """How far a plan is: the step being carried out, counted from 0, and the fraction done."""

    step: int
    steps: int
    fraction: float
    done: bool = False


class Motion(ABC):
    """One way to carry out a plan. The follower calls, once per period and from one thread.

    goes_over: the next motion of the same type takes over as it is, without a halt between.
    """

    goes_over: ClassVar[bool] = False

    @property
    def drives(self) -> bool:
        """Whether it is velocities, which go on moving the robot while nothing stops them."""
        return False

    @abstractmethod
    def commands(self, now_s: float) -> Sequence[Command]:
        """What to tell the controllers in this period."""

    def halt(self, now_s: float) -> Sequence[Command]:
        """What makes the robot stay where it is, besides velocities 0 and no goals."""
        del now_s
        return []

    @abstractmethod
    def progress(self, now_s: float) -> PlanProgress:
        """How far it is. PlanError if it cannot go on."""

    def finish_step(self, now_s: float) -> bool:
        """Ends with the step under way instead of with the last; False if it has none that has to
        be finished, and the next motion may take over now."""
        del now_s
        return False

    def advanced(self, fraction: float) -> None:
        """A controller says how much of its goal is done; of no interest where the clock tells."""
        del fraction

    def reported(self, failure: PlanError | None) -> None:
        """A controller says that the step or goal it was given is over; None: it succeeded."""
        del failure
