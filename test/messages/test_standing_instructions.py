"""Standing instructions as goals and back."""

from __future__ import annotations

import math

import pytest
from uio2_ros.action import Watch

from uio2_ros.messages.standing_instructions import standing_of, watch_goal_of
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction, Until


def test_a_goal_has_all_of_it() -> None:
    instruction = Instruction("mug", "localize", ("a", "b"), Box(1, 2, 3, 4), "vima", 7)
    standing = StandingInstruction(instruction, 2.0, Until.GONE, "red mug", 0.5, 3, 60.0)
    goal = watch_goal_of(standing, max_age_s=1.5, timeout_s=5.0)
    assert standing_of(goal) == standing
    assert (goal.max_age, goal.timeout) == (1.5, 5.0)


def test_what_is_left_out_is_for_ever_and_every_picture() -> None:
    standing = standing_of(Watch.Goal(instruction="mug", task="localize"))
    assert standing == StandingInstruction(Instruction("mug", "localize"))
    assert standing.for_at_most_s == math.inf
    assert standing.in_a_row == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", -1.0),
        ("rate", math.nan),
        ("least_score", 1.5),
        ("for_at_most", -1.0),
        ("until", 9),
        ("timeout", -1.0),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(field: str, value: float) -> None:
    goal = Watch.Goal(instruction="mug", task="localize")
    setattr(goal, field, value)
    with pytest.raises(InstructionError, match=field) as refused:
        standing_of(goal)
    assert refused.value.code is ErrorCode.INVALID_REQUEST
