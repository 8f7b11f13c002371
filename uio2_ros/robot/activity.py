"""What the robot does, in one word. Imports nothing of ours."""

from __future__ import annotations

from enum import IntEnum


class Activity(IntEnum):
    """The states of `uio2_ros/msg/AgentState` (same names, same numbers)."""

    IDLE = 0
    LISTENING = 1
    THINKING = 2
    MOVING = 3
    STOPPED = 4
    FAULT = 5

    @classmethod
    def of(cls, number: int) -> Activity:
        """The state of a message; FAULT for a number that is none, as of another version."""
        return cls(number) if number in cls._value2member_map_ else cls.FAULT
