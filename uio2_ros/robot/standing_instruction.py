"""What is asked of the robot again and again, and until when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from uio2_ros.robot.instruction import Instruction


class Until(IntEnum):
    """What ends a standing instruction; the constants of `uio2_ros/action/Watch`."""

    FOREVER = 0
    SEEN = 1
    GONE = 2
    CHANGED = 3


@dataclass(frozen=True)
class StandingInstruction:
    """One instruction, asked of what comes in until a condition holds or the time is over."""

    instruction: Instruction
    rate_hz: float = 0.0
    """Answers per second; 0: one for every picture, as they come."""
    until: Until = Until.FOREVER
    until_text: str = ""
    """The label or answer that counts; "" for any object and any text."""
    least_score: float = 0.0
    """Objects with a lower score do not count, 0 to 1."""
    in_a_row: int = 1
    """Answers in which it must be so."""
    for_at_most_s: float = math.inf
