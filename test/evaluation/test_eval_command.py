"""`./uio2 eval sim` as a user types it, without a model but for one test over ROS."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from evaluation.scripted import settings

from uio2_ros.bringup import dds_profile
from uio2_ros.cli import eval as command
from uio2_ros.evaluation import jobs
from uio2_ros.evaluation.jobs import Done, Job, Worker, load_answerer
from uio2_ros.evaluation.records import same
from uio2_ros.evaluation.run_folder import JOURNAL
from uio2_ros.evaluation.run_settings import RunSettings

QUICK = ["sim", "--episodes", "2", "--tasks", "put", "--size", "64x48", "--perception", "0"]


def run(*words: str, folder: Path) -> int:
    return command.main([*QUICK, "--policy", "oracle", "--video", "0", "-o", str(folder), *words])


def test_a_run_writes_results_and_report_and_tells_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--video", "1", folder=tmp_path / "run") == 0
    told = capsys.readouterr()
    assert "oracle   put      100.0 % [34.2, 100.0]" in told.out
    assert "episodes" in told.err
    for name in ("results.json", "report.html", "video.mp4"):
        assert str(tmp_path / "run" / name) in told.out
        assert (tmp_path / "run" / name).stat().st_size > 500
    assert json.loads((tmp_path / "run" / "results.json").read_text())["complete"] is True


def test_the_same_command_twice_gives_the_same_to_the_pixel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder=tmp_path / "a")
    assert run("--compare", str(tmp_path / "a"), folder=tmp_path / "b") == 0
    assert "All 2 shared episodes and questions went the same" in capsys.readouterr().out


def test_an_interrupted_run_keeps_what_is_done_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = jobs.done_by

    def interrupted(todo: list[Job], *more: object) -> Iterator[Done]:
        yield from whole(todo[:1], *more)
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "done_by", interrupted)
    assert run(folder=tmp_path / "run") == 130
    assert f"-o {tmp_path / 'run'} goes on" in capsys.readouterr().err
    assert "not complete" in (tmp_path / "run" / "report.html").read_text()
    first = (tmp_path / "run" / JOURNAL).read_text()
    monkeypatch.setattr(jobs, "done_by", whole)
    assert run(folder=tmp_path / "run") == 0
    assert (tmp_path / "run" / JOURNAL).read_text().startswith(first)
    assert "not complete" not in (tmp_path / "run" / "report.html").read_text()


def test_workers_give_what_one_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder=tmp_path / "one")
    assert run("--workers", "2", "--compare", str(tmp_path / "one"), folder=tmp_path / "two") == 0
    assert "All 2 shared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--episodes", "many"], "'many'; expected a whole number"),
        (["--workers", "0"], "a whole number from 1"),
        (["--size", "large"], "such as 320x240"),
        (["--split", "test"], "split is 'test'; expected one of"),
        (["--gravity", "0"], "unrecognized arguments: --gravity"),
    ],
)
def test_a_wrong_option_is_explained(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run(*words, folder=tmp_path / "run")
    assert end.value.code == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--tasks", "dance"], "no simulator task 'dance'; expected put, stack"),
        (["--policy", "genius"], "no policy genius; expected model, oracle, random"),
        (["--perception-tasks", "sing"], "no perception task 'sing'"),
        (["--compare", "/nowhere"], "/nowhere cannot be read"),
        (["--seed", "8"], "seed: 8, not 7"),
    ],
)
def test_a_wrong_value_is_explained(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--episodes", "0", folder=tmp_path / "run") == 0
    assert run("--episodes", "0", *words, folder=tmp_path / "run") == 2
    assert why in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_is_told_and_nothing_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--policy", "model", "--model", str(tmp_path / "none"))
    assert run(*words, folder=tmp_path / "run") == 1
    assert "uio2 eval: CheckpointError: no checkpoint" in capsys.readouterr().err
    assert (tmp_path / "run" / JOURNAL).exists()


def test_the_model_comes_with_its_references() -> None:
    given = command._settings(command._parser().parse_args(["sim", "--policy", "model"]))
    alone = command._settings(
        command._parser().parse_args(["sim", "--policy", "model", "--no-references"])
    )
    assert given.policies == ("model", "oracle", "random")
    assert alone.policies == ("model",)
    assert (given.episodes, given.seed, given.split, given.perception) == (100, 7, "held-out", 8)


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="needs ROS")
def test_over_ros_episodes_go_as_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from uio2_ros.cli.eval_ros import do_over_ros

    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "UIO2_LAUNCHER_PID"):
        monkeypatch.setenv(name, "0")  # set anew by the run, and restored after it
    for variable, value in dds_profile(os.environ.get("ROS_DISTRO", "")).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run_settings = settings(policies=("model",), tasks=("rang",))
    todo: list[Job] = [jobs.EpisodeJob("model", ((task, 7),)) for task in run_settings.tasks]
    over_ros, without = do_over_ros(todo, run_settings, tmp_path), _done(todo, run_settings)
    for real, twin in zip(over_ros, without, strict=True):
        assert same(real.record, twin.record), (real.record, twin.record)
        assert (real.start == twin.start).all()
        assert real.record.steps


def _done(todo: list[Job], run_settings: RunSettings) -> Iterator[Done]:
    worker = Worker(run_settings, load_answerer)
    for job in todo:
        yield from worker.do(job)
    worker.close()
