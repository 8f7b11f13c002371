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
