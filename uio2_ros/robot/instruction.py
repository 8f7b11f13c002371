"""What is asked of the robot."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.robot.box import Box


@dataclass(frozen=True)
class Instruction:
    """One request, free of ROS types. Empty strings and None mean "not given"."""

    instruction: str
    task: str = ""
    options: tuple[str, ...] = ()
    region: Box | None = None
    action_space: str = ""
    seed: int = 0
    prompt_variant: int = 0
    """0 asks with the prompt the model was trained with, n with the task's nth paraphrase."""
