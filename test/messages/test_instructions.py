"""Instructions as goals of the agent's action."""

import pytest
from uio2_ros.action import Instruct

from uio2_ros.messages.instructions import goal_of, instruction_of, progress_of
from uio2_ros.robot.answer import Progress, Stage
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.instruction import Instruction


def test_a_goal_says_what_the_instruction_says() -> None:
    asked = Instruction("Is {box} red?", "vqa", ("yes", "no"), Box(1, 2, 31, 42), "vima", -7)
    goal = goal_of(asked, max_age_s=0.5, timeout_s=2)
    assert instruction_of(goal) == asked
    assert (goal.max_age, goal.timeout) == (0.5, 2)


@pytest.mark.parametrize(
    ("asked", "times", "problem"),
    [
        (Instruction("mug", seed=2**63), {}, "the seed is 9223372036854775808; give one from"),
        (Instruction("mug"), {"max_age_s": float("inf")}, "max_age_s is inf s; give 0"),
        (Instruction("mug"), {"timeout_s": -1.0}, "timeout_s is -1.0 s; give 0"),
        (Instruction("caf\udce9"), {}, r"'caf\\udce9' is no Unicode text .* typed in UTF-8"),
        (Instruction("mug", options=("a", "b\0c")), {}, r"'b\\x00c' has a NUL"),
    ],
)
def test_what_no_goal_can_hold_is_refused(
    asked: Instruction, times: dict[str, float], problem: str
) -> None:
    with pytest.raises(InstructionError, match=problem) as refused:
        goal_of(asked, **times)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_feedback_says_how_far_the_agent_is() -> None:
    feedback = Instruct.Feedback(stage="generating", text="a mug", tokens=2, elapsed=0.5)
    assert progress_of(feedback) == Progress(Stage.GENERATING, "a mug", 2, 0.5)
    feedback.stage = "dreaming"
    with pytest.raises(InvalidInputError, match="at stage 'dreaming'; expected queued, "):
        progress_of(feedback)
