"""Questions about scenes: the truth scores best, nonsense worst."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation.scripted import refused, settings

from uio2_ros.evaluation.perception import (
    SCORERS,
    WORST,
    Look,
    depth_scores,
    looks_of,
    normal_scores,
    scene_names,
)
from uio2_ros.evaluation.run_settings import PERCEPTION_TASKS, PICTURE_TASKS
from uio2_ros.evaluation.summary import LESS_IS_BETTER
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box

EVERYTHING = (*PERCEPTION_TASKS, *PICTURE_TASKS)


@pytest.fixture(scope="module")
def looks() -> tuple[Look, ...]:
    run = settings(width=160, height=120, perception=1, perception_tasks=EVERYTHING)
    return looks_of("put", 7, run)


def truth_as_answer(look: Look) -> Answer:
    if look.task != "points":
        return look.truth
    (point,) = look.truth.keypoints[0].points
    # an agent answers with edges, half a pixel off the centres of pixels
    box = Box(point.x - 1.5, point.y - 1.5, point.x + 2.5, point.y + 2.5)
    return Answer(detections=(Detection(box, "point"),))


@pytest.mark.parametrize("task", EVERYTHING)
def test_the_truth_scores_best(looks: tuple[Look, ...], task: str) -> None:
    mine = [look for look in looks if look.task == task]
    assert mine
    for look in mine:
        for name, value in look.score(truth_as_answer(look)).scores.items():
            best = 0.0 if any(word in name for word in LESS_IS_BETTER) else 1.0
            assert value == pytest.approx(best, abs=0.1 if name == "angle (deg)" else 1e-3), name


@pytest.mark.parametrize("task", EVERYTHING)
def test_a_failed_answer_scores_worst_and_keeps_its_code(
    looks: tuple[Look, ...], task: str
) -> None:
    look = next(look for look in looks if look.task == task)
    record = look.score(refused())
    assert record.error_code == 9114
    assert record.scores == WORST[task]
    assert set(record.scores.values()) == {0.0}


def test_every_task_has_scores() -> None:
    assert set(SCORERS) == set(WORST) == set(EVERYTHING)


def test_an_answer_that_found_nothing_is_no_error(looks: tuple[Look, ...]) -> None:
    for look in looks:
        if look.task not in PICTURE_TASKS:
            assert look.score(Answer(text="nothing")).error_code == 0


def test_what_is_not_there_cannot_be_missed(looks: tuple[Look, ...]) -> None:
    absent = next(look for look in looks if look.task == "localize" and not look.truth.detections)
    found = Answer(detections=(Detection(Box(0, 0, 9, 9), "ghost"),))
    assert absent.score(found).scores == {"precision": 0.0}
    assert absent.score(Answer()).scores == {"precision": 1.0}


def test_questions_are_the_same_each_time_and_named_apart(looks: tuple[Look, ...]) -> None:
    run = settings(width=160, height=120, perception=1, perception_tasks=EVERYTHING)
    again = looks_of("put", 7, run)
    assert [look.key for look in again] == [look.key for look in looks]
    assert len({look.key for look in looks}) == len(looks)


def test_scenes_are_of_the_tasks_in_turn() -> None:
    run = settings(tasks=("put", "go_to"), perception=3)
    assert scene_names(run) == [("put", 7), ("go_to", 7), ("put", 8)]


def test_depth_errors_are_relative_and_unknown_pixels_do_not_count() -> None:
    truth = np.array([[1.0, 2.0, 0.0, 4.0]], np.float32)
    found = np.array([[1.1, 1.0, 5.0, np.nan]], np.float32)
    scores = depth_scores(found, truth)
    assert scores["covered"] == pytest.approx(2 / 3)
    assert scores["relative error"] == pytest.approx(0.3, abs=1e-6)
    assert scores["within 25 %"] == 0.5


def test_normals_are_compared_by_their_angle() -> None:
    truth = np.array([[[0, 0, -1], [0, 0, -1], [np.nan] * 3]], np.float32)
    tilted = (0, math.sin(0.5), -math.cos(0.5))
    found = np.array([[[0, 0, -2], tilted, [0, 0, -1]]], np.float32)
    scores = normal_scores(found, truth)
    assert scores["covered"] == 1.0
    assert scores["angle (deg)"] == pytest.approx(math.degrees(0.25), abs=1e-3)


def test_pictures_that_know_nothing_cover_nothing() -> None:
    nothing = np.zeros((2, 2), np.float32)
    assert depth_scores(nothing, np.ones((2, 2), np.float32)) == {"covered": 0.0}
