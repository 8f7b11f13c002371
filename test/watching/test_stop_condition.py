"""What ends a standing instruction."""

from __future__ import annotations

import pytest

from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.registry import TASKS
from uio2_ros.watching.stop_condition import StopCondition

BOX = Box(0, 0, 10, 10)
NOTHING = Answer()


def condition(task: str, until: Until, text: str = "", **rest: float) -> StopCondition:
    standing = StandingInstruction(
        Instruction("look", task),
        until=until,
        until_text=text,
        **rest,  # type: ignore[arg-type]
    )
    return StopCondition(standing, TASKS[task])


def seen(*labels: str, score: float = 1.0) -> Answer:
    return Answer(detections=tuple(Detection(BOX, label, score) for label in labels))


@pytest.mark.parametrize(
    "answer",
    [
        seen("mug"),
        Answer(cuboids=(Cuboid("mug", (0, 0, 1), (1, 1, 1), (1, 0, 0, 0)),)),
        Answer(keypoints=(PointSet("mug", None, (Point("handle", 1, 2),)),)),
        Answer(pictures=(Picture("mask", None, "mug"),)),  # type: ignore[arg-type]
    ],
    ids=["box", "cuboid", "point", "mask"],
)
def test_anything_that_is_found_is_seen(answer: Answer) -> None:
    watched = condition("localize", Until.SEEN)
    assert not watched.is_met_by(NOTHING)
    assert watched.is_met_by(answer)


def test_a_picture_that_is_no_mask_and_a_hidden_point_are_not_seen() -> None:
    watched = condition("localize", Until.SEEN)
    hidden = PointSet("mug", None, (Point("handle", 1, 2, visible=False),))
    assert not watched.is_met_by(Answer(keypoints=(hidden,)))
    assert not watched.is_met_by(Answer(pictures=(Picture("depth", None),)))  # type: ignore[arg-type]


def test_only_the_label_and_the_scores_that_count_do() -> None:
    watched = condition("detect", Until.SEEN, "Red mug", least_score=0.5)
    assert not watched.is_met_by(seen("blue mug"))
    assert not watched.is_met_by(seen("red mug", score=0.4))
    assert watched.is_met_by(seen("blue mug", "red mug", score=0.5))


def test_of_words_the_one_that_counts_is_seen() -> None:
    watched = condition("vqa", Until.SEEN, "yes")
    assert not watched.is_met_by(Answer(text="no"))
    assert watched.is_met_by(Answer(text=" Yes."))


def test_words_of_which_none_counts_are_refused() -> None:
    with pytest.raises(InstructionError, match="until_text") as refused:
        condition("vqa", Until.SEEN)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_it_must_hold_in_as_many_answers_in_a_row_as_asked() -> None:
    watched = condition("localize", Until.GONE, in_a_row=2)
    answers = [seen("mug"), NOTHING, seen("mug"), NOTHING, NOTHING]
    assert [watched.is_met_by(answer) for answer in answers] == [False] * 4 + [True]


def test_another_number_of_objects_or_another_label_is_a_change() -> None:
    for other in (seen("mug"), seen("mug", "mug", "mug"), seen("mug", "cup")):
        watched = condition("detect", Until.CHANGED)
        assert not watched.is_met_by(seen("mug", "mug"))
        assert not watched.is_met_by(seen("mug", "mug"))
        assert watched.is_met_by(other)


def test_another_text_is_a_change_unless_only_its_form_is() -> None:
    watched = condition("vqa", Until.CHANGED)
    assert [watched.is_met_by(Answer(text=text)) for text in ("open", "Open. ", "closed")] == [
        False,
        False,
        True,
    ]


def test_for_ever_is_never_over() -> None:
    watched = condition("localize", Until.FOREVER)
    assert not any(watched.is_met_by(answer) for answer in (NOTHING, seen("mug"), NOTHING))
