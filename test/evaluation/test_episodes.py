"""The closed loop, with models that answer as they were told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.scripted import Scripted, oracle_steps, played, record, refused, settings, told

from uio2_ros.evaluation.episodes import play
from uio2_ros.evaluation.records import record_from_json, same
from uio2_ros.evaluation.side_by_side import SideBySide
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim import Split, sample_episode


def test_a_model_that_says_what_the_oracle_does_succeeds() -> None:
    runner = Scripted([told(*oracle_steps("swap"))])
    found = record("swap", runner)
    assert found.success
    assert (found.answers, len(found.steps), found.error) == (1, 3, "")
    ((instruction, observation),) = runner.asked
    assert (instruction.task, instruction.instruction) == ("plan", found.instruction)
    assert observation.image.pixels.shape == (48, 64, 3)


def test_next_action_is_asked_again_until_it_is_done() -> None:
    runner = Scripted([told(step) for step in oracle_steps("stack", 8)])
    found = record("stack", runner, seed=8, table_task="next_action")
    assert found.success
    assert found.answers == len(found.steps) == len(runner.asked)
    assert {instruction.task for instruction, _ in runner.asked} == {"next_action"}


def test_the_limit_of_steps_ends_an_episode() -> None:
    away = replace(oracle_steps("put")[0], end=Pose2D(0.3, -0.45, 0.0))
    found = record("put", Scripted([told(away, away, away)]))
    assert (found.success, found.error, len(found.steps)) == (False, "", 2)


def test_an_answer_that_fails_is_a_failed_episode_with_its_code() -> None:
    runner = Scripted([refused()])
    found = record("put", runner)
    assert (found.success, found.error_code) == (False, ErrorCode.PARSE_FAILED)
    assert found.error == "no plan in it"
    assert len(runner.asked) == 1


def test_a_step_that_the_robot_cannot_do_is_a_failed_episode() -> None:
    nowhere = replace(oracle_steps("put")[0], start=Pose2D(3.0, 0.0, 0.0))
    found = record("put", Scripted([told(nowhere)]))
    assert (found.success, found.steps) == (False, ())
    assert "out of the arm's reach" in found.error


def test_an_empty_plan_ends_an_episode_without_error() -> None:
    found = record("put", Scripted([told()]))
    assert (found.success, found.answers, found.error) == (False, 1, "")


def test_the_base_is_asked_move_by_move_and_ends_where_it_stops() -> None:
    steps = oracle_steps("go_to")
    runner = Scripted([Answer(plan=replace(told().plan, steps=(step,))) for step in steps])
    found = record("go_to", runner)
    assert found.success
    assert found.steps == steps
    assert {instruction.task for instruction, _ in runner.asked} == {"navigate"}
    moves = runner.asked[-1][1].robot_history
    assert len(moves) == min(16, len(steps) - 1)
    assert moves[-1].endswith(f") {steps[-2].name}")


def test_a_base_that_stops_too_early_has_failed() -> None:
    stop = oracle_steps("go_to")[-1]
    found = record("go_to", Scripted([told(stop)]))
    assert (found.success, len(found.steps)) == (False, 1)


def test_the_same_episode_twice_is_the_same_to_the_pixel() -> None:
    runs = [played("moved", Scripted([told(*oracle_steps("moved"))])) for _ in range(2)]
    assert same(runs[0].record, runs[1].record)
    assert runs[0].record.start_pixels != runs[0].record.end_pixels
    assert np.array_equal(runs[0].start, runs[1].start)
    assert np.array_equal(runs[0].end, runs[1].end)


def test_episodes_side_by_side_go_as_they_do_alone() -> None:
    run = settings()
    tasks = ("put", "go_to", "rang")
    answers = {task: told(*oracle_steps(task)) for task in tasks}
    alone = [record(task, Scripted([answers[task]])) for task in tasks]
    said = {one.instruction: answers[one.task] for one in alone}
    side = SideBySide()
    episodes = [
        play(sample_episode(task, 7, Split.HELD_OUT, run.size), "model", run) for task in tasks
    ]
    together = {
        done.record.task: done.record
        for done in side.play(
            episodes, lambda asked: [said[instruction.instruction] for instruction, _ in asked]
        )
    }
    side.close()
    assert all(same(one, together[one.task]) for one in alone)


def test_a_mistake_in_the_model_ends_all_episodes_and_is_raised() -> None:
    def broken(*_: object) -> list[Answer]:
        raise RuntimeError("no memory")

    side, run = SideBySide(), settings()
    episode = play(sample_episode("put", 7, Split.HELD_OUT, run.size), "model", run)
    with pytest.raises(RuntimeError, match="no memory"):
        list(side.play([episode], broken))
    side.close()
    assert episode.gi_frame is None


def test_a_record_is_read_as_it_was_written() -> None:
    found = record("swap", Scripted([told(*oracle_steps("swap"))]))
    assert record_from_json(found.to_json()) == found


@pytest.mark.parametrize("line", [{}, {"kind": "episode", "task": "put"}, {"kind": "song"}])
def test_what_is_no_record_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="record"):
        record_from_json(line)
