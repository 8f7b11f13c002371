"""A run's folder: what is in it is kept, gone on with, or refused for a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation.scripted import settings

from uio2_ros.evaluation.episodes import PlayedEpisode
from uio2_ros.evaluation.jobs import Done, EpisodeJob, Job, SceneJob, jobs_of
from uio2_ros.evaluation.records import EpisodeRecord, PerceptionRecord
from uio2_ros.evaluation.run import carry_on, is_complete, results
from uio2_ros.evaluation.run_folder import (
    JOURNAL,
    RunFolder,
    RunFolderError,
    read_results,
    records_of,
)
from uio2_ros.evaluation.run_settings import RunSettings

EPISODE = EpisodeRecord("oracle", "put", 7, "put it there", True, (), 1, 2.5)
QUESTION = PerceptionRecord("vqa", "put_7", "How many?", {"accuracy": 1.0}, "3")
REFERENCES = ("oracle", "random")
PICTURE = np.zeros((48, 64, 3), np.uint8)
RUN = settings(policies=REFERENCES, episodes=3)


def played(policy: str, seed: int, success: bool = True) -> PlayedEpisode:
    record = replace(EPISODE, policy=policy, seed=seed, success=success)
    return PlayedEpisode(record, np.zeros((96, 128, 3), np.uint8), PICTURE)


def plays(jobs: list[Job], interrupted_after: int = 100) -> Iterator[Done]:
    """Episodes as jobs want them, until somebody presses Ctrl-C."""
    for number, job in enumerate(jobs):
        if number == interrupted_after:
            raise KeyboardInterrupt
        assert isinstance(job, EpisodeJob)
        for _, seed in job.episodes:
            yield played(job.policy, seed)


def test_a_run_that_is_opened_again_has_its_records(tmp_path: Path) -> None:
    for record in (EPISODE, QUESTION):
        folder = RunFolder(tmp_path / "run", RUN)
        folder.add(record)
        folder.close()
    again = RunFolder(tmp_path / "run", RUN)
    assert again.records == [EPISODE, QUESTION]
    assert again.has(EPISODE.key)
    assert not again.has(replace(EPISODE, seed=8).key)


def test_an_interrupted_run_goes_on_with_what_is_left(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", RUN)
    with pytest.raises(KeyboardInterrupt):
        carry_on(folder, RUN, lambda jobs: plays(jobs, 4))
    folder.close()
    again = RunFolder(tmp_path / "run", RUN)
    assert not is_complete(again, RUN)
    assert [job.episodes for job in jobs_of(RUN, again, 1)] == [(("put", 8),), (("put", 9),)]
    carry_on(again, RUN, plays)
    assert is_complete(again, RUN)
    assert len(again.episodes) == 6
    assert jobs_of(RUN, again, 1) == []


def test_a_line_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", RUN)
    folder.add(EPISODE)
    folder.close()
    journal = tmp_path / "run" / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"kind": "episode", "pol')
    again = RunFolder(tmp_path / "run", RUN)
    again.add(QUESTION)
    again.close()
    assert journal.read_bytes().startswith(whole + b'{"kind": "perception"')


def test_a_run_of_other_settings_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", RUN).close()
    with pytest.raises(RunFolderError, match=r"another run \(seed: 8, not 7\).*-o"):
        RunFolder(tmp_path / "run", replace(RUN, seed=8))


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(RunFolderError, match="not empty"):
        RunFolder(tmp_path, RUN)


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", '{"format": "x", "version": 1}\n', "\x00\n"])
def test_a_journal_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / JOURNAL).write_text(text)
    with pytest.raises(RunFolderError, match="cannot be continued"):
        RunFolder(tmp_path, RUN)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="cannot be used"):
        RunFolder(tmp_path / "run", RUN)


def test_results_have_everything_and_are_read_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", RUN)
    folder.add(EPISODE)
    folder.add(QUESTION)
    folder.write_results(results(folder, RUN, "uio2-test", False))
    found = read_results(tmp_path / "run")
    assert found["model"] == {"name": "uio2-test", "synthetic_weights": False}
    assert found["settings"]["seed"] == 7
    assert {"uio2_ros", "python", "numpy", "torch", "mujoco"} <= set(found["versions"])
    assert found["complete"] is False
    (success,) = found["summary"]["success"]
    assert (success["policy"], success["rate"]["mean"], success["rate"]["count"]) == (
        "oracle",
        1.0,
        1,
    )
    assert success["rate"]["low"] == pytest.approx(0.2065, abs=1e-3)
    assert list(records_of(found)) == [EPISODE, QUESTION]
    assert RunSettings.from_json(found["settings"]) == RUN


@pytest.mark.parametrize(
    ("text", "why"),
    [("no json", "cannot be read"), ('{"a": 1}', "no results.json"), ("[]", "no results.json")],
)
def test_what_are_no_results_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(RunFolderError, match=why):
        read_results(tmp_path)


def test_results_of_a_later_format_are_refused(tmp_path: Path) -> None:
    later = {"format": "uio2_ros evaluation", "version": 2}
    (tmp_path / "results.json").write_text(json.dumps(later))
    with pytest.raises(RunFolderError, match="version 2"):
        read_results(tmp_path / "results.json")


def test_pictures_of_the_first_episodes_and_of_more_failures_are_kept(tmp_path: Path) -> None:
    run = settings(policies=REFERENCES, episodes=14)
    folder = RunFolder(tmp_path / "run", run)
    carry_on(
        folder,
        run,
        lambda _: (
            played(policy, 7 + n, policy == "oracle") for policy in REFERENCES for n in range(14)
        ),
    )
    kept = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert sum(name.startswith("oracle") for name in kept) == 3
    assert sum(name.startswith("random") for name in kept) == 12


def test_only_a_models_episodes_are_batched(tmp_path: Path) -> None:
    run = settings(policies=("model", "oracle"), episodes=3, perception=1)
    folder = RunFolder(tmp_path / "run", run)
    folder.add(QUESTION)
    jobs = jobs_of(run, folder, 2)
    assert [len(job.episodes) for job in jobs if isinstance(job, EpisodeJob)] == [2, 1, 1, 1, 1]
    assert jobs[-1] == SceneJob("put", 7, frozenset({QUESTION.key}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tasks": ("dance",)}, "no simulator task 'dance'; expected put"),
        ({"policies": ("genius",)}, "no policy"),
        ({"split": "test"}, "split is 'test'; expected one of: train, held-out"),
        ({"table_task": "caption"}, "plan, next_action"),
        ({"perception_tasks": ("caption",)}, "no perception task"),
        ({"episodes": -1}, "episodes is -1"),
        ({"width": 8}, "width is 8; expected a whole number from 32"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        settings(**changes)
