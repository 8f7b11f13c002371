"""Writing data sets: whole shards, whoever writes them and however often they are interrupted."""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from uio2_ros.cli.data import main
from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.shards import DataSet, DataSetError
from uio2_ros.data.writing import Amount, count_samples, write_data_set
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation

WRITE = (
    *("--tasks", "push", "--size", "48", "--period", "2", "--episodes-per-shard", "1"),
    *("--jpeg-quality", "80"),
)


class Numbered:
    """Shards of 3, 4, 5, ... samples."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def samples(self, shard: int) -> Iterator[Sample]:
        self.asked.append(shard)
        for number in range(shard + 3):
            pixels = np.full((4, 4, 3), number, np.uint8)
            label = LabelledTask(Instruction("", "caption"), Answer(task="caption", text="grey"))
            yield Sample(f"s{shard}-{number}", Observation(Frame(pixels, 0)), (label,))


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return DataSet.create(tmp_path / "set", {"source": "test"})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_as_many_shards_as_asked_are_written(data: DataSet) -> None:
    written = write_data_set(data, Numbered(), Amount(shards=2))
    assert (written.samples_before, written.samples, written.shards) == (0, 7, 2)
    assert [count_samples(path) for path in data.shards] == [3, 4]


def test_an_amount_of_samples_is_rounded_up_to_whole_shards(data: DataSet) -> None:
    assert write_data_set(data, Numbered(), Amount(samples=8)).samples == 12
    assert write_data_set(data, Numbered(), Amount(samples=12)).samples == 0


def test_only_what_is_missing_is_written(data: DataSet) -> None:
    write_data_set(data, Numbered(), Amount(shards=3))
    data.shard(1).unlink()
    source = Numbered()
    written = write_data_set(data, source, Amount(shards=4))
    assert source.asked == [1, 3]
    assert (written.samples_before, written.samples) == (8, 10)


def test_progress_counts_what_was_there_and_what_is_new(data: DataSet) -> None:
    told: list[int] = []
    write_data_set(data, Numbered(), Amount(shards=1))
    write_data_set(data, Numbered(), Amount(shards=2), on_samples=told.append)
    assert told == [3, 1, 1, 1, 1]


def test_a_source_that_ends_ends_the_data_set(data: DataSet) -> None:
    source = SimpleNamespace(samples=lambda shard: Numbered().samples(shard) if shard < 2 else ())
    assert write_data_set(data, source, Amount(samples=1000)).samples == 7


def test_a_full_disk_is_told_and_leaves_nothing_half(
    data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("uio2_ros.data.shards.os.fsync", full)
    with pytest.raises(DataSetError, match=r"No space left.*make room"):
        write_data_set(data, Numbered(), Amount(shards=1))
    assert [path.name for path in data.folder.iterdir()] == ["dataset.json"]


def test_two_writers_do_not_disturb_each_other(data: DataSet) -> None:
    def nested(shard: int) -> Iterator[Sample]:
        with pytest.raises(DataSetError, match="another process"):
            write_data_set(data, Numbered(), Amount(shards=1))
        return Numbered().samples(shard)

    assert write_data_set(data, SimpleNamespace(samples=nested), Amount(shards=1)).samples == 3


def test_a_worker_that_is_killed_is_told(data: DataSet) -> None:
    deadly = SimpleNamespace(samples=functools.partial(os._exit))
    with pytest.raises(DataSetError, match="was ended"):
        write_data_set(data, deadly, Amount(shards=2), workers=2)


def test_a_cut_shard_cannot_be_counted(tmp_path: Path) -> None:
    path = tmp_path / "shard-000000.tar"
    path.write_bytes(b"no archive" * 99)
    with pytest.raises(DataSetError, match=r"shard-000000\.tar"):
        count_samples(path)


@pytest.mark.parametrize("wrong", [{}, {"shards": 1, "samples": 1}, {"shards": 0}])
def test_an_amount_is_one_number(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"amount|either"):
        Amount(**wrong)


def test_a_data_set_killed_and_gone_on_with_is_like_one_that_was_not(tmp_path: Path) -> None:
    """Whole processes: killed in the middle, with two workers afterwards, against undisturbed."""
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    writer = start(killed, "--episodes", "40")
    wait_until(lambda: (killed / "shard-000001.tar").exists() or writer.poll() is not None)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    written = len(list(killed.glob("shard-*.tar")))
    assert 2 <= written < 40
    episodes = str(written + 2)
    for folder, workers in ((killed, "2"), (undisturbed, "1")):
        assert start(folder, "--episodes", episodes, "--workers", workers).wait() == 0
    assert content(killed) == content(undisturbed)


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uio2_ros.cli", "data", "write", str(folder), *WRITE, *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    arguments = ["write", str(tmp_path / "set"), *WRITE, "--episodes", "1"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "in 1 shards" in told
    assert "a second and core" in told
    assert main(["info", str(tmp_path / "set")]) == 0
    told = capsys.readouterr().out
    assert "splits: train" in told
    assert "goal_image" in told


def test_the_command_refuses_other_peoples_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert main(["write", str(tmp_path), *WRITE]) == 1
    assert "is no data set and not empty" in capsys.readouterr().err


def test_the_command_refuses_a_data_set_of_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    DataSet.create(tmp_path / "set", {"source": "LeRobot"})
    assert main(["write", str(tmp_path / "set"), *WRITE]) == 1
    assert "source 'LeRobot' and not 'simulator'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"]])
def test_an_action_must_be_named(arguments: list[str], capsys: pytest.CaptureFixture[Any]) -> None:
    assert main(arguments) == 2
    assert "write" in capsys.readouterr().err


def test_a_negative_seed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["write", str(tmp_path / "set"), *WRITE, "--seed", "-1"])
    assert "seed" in capsys.readouterr().err
