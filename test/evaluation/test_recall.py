"""What the memory says is measured against the simulator's truth."""

from __future__ import annotations

from dataclasses import replace

from uio2_ros.evaluation.recall import (
    AFTER,
    BEFORE,
    WITHIN_M,
    Found,
    RecallRecord,
    finders,
    recalls,
    summaries,
)
from uio2_ros.memory.world_memory import Searched
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.box import Box
from uio2_ros.robot.observation import Observation
from uio2_ros.sim import PictureSize
from uio2_ros.sim.truth import SceneTruth

SIZE = PictureSize(160, 120)


def beside(truth: SceneTruth, _: Observation) -> Found:
    """The true boxes of a camera that is knocked by a tenth of the picture; the first is missed."""
    boxes = [
        replace(one.detection, box=Box(one.box.x1 + 16, one.box.y1, one.box.x2 + 16, one.box.y2))
        for one in truth.objects[1:]
    ]
    return Answer(detections=tuple(boxes)), Searched(everything=True)


def test_true_boxes_are_recalled_within_5_cm_also_after_the_robot_moved_things() -> None:
    ways = {**finders(None), "detect": beside}
    records = list(recalls("put", 7, SIZE, ways))
    right = [one for one in records if one.boxes == "truth"]
    assert {one.moment for one in right} == {BEFORE, AFTER}
    assert any(one.moved for one in right)
    assert all(one.error_m is not None and one.error_m < WITHIN_M for one in right)
    wrong = [one for one in records if one.boxes == "detect" and one.moment == BEFORE]
    assert [one.error_m is None for one in wrong] == [True] + [False] * (len(wrong) - 1)
    assert all(one.error_m > WITHIN_M for one in wrong[1:] if one.error_m is not None)


def test_what_is_not_known_counts_against_all_that_was_asked_for() -> None:
    errors = (0.01, 0.03, 0.2, None)
    records = [
        RecallRecord("put_7", "table", "detect", BEFORE, f"cube {n}", moved=False, error_m=error)
        for n, error in enumerate(errors)
    ]
    (found,) = summaries(records)
    assert (found.known.mean, found.within.mean) == (0.75, 2 / 3)
    assert (found.within_of_all.mean, found.median_m) == (0.5, 0.03)
