import json

import pytest

from uio2_ros.cli import bench
from uio2_ros.cli.bench_answers import AnswerTimes


def test_answers_are_timed_alone_again_and_at_once(tmp_path, capsys):
    path = tmp_path / "answers.json"
    few = ["--count", "2", "--threads", "1"]
    bench.main(["answers", "--tasks", "vqa", "refexp", *few, "--json", str(path)])
    told, written = capsys.readouterr().out, json.loads(path.read_text())
    rows = {row["task"]: row for row in written["rows"]}
    assert list(rows) == ["vqa", "refexp"]
    assert rows["refexp"]["tokens"] == 4
    for row in rows.values():
        assert min(row["new_ms"], row["again_ms"], row["alone_per_s"], row["at_once_per_s"]) > 0
        assert row["at_once"] == 2
        assert f"{row['task']:<13}" in told


@pytest.mark.parametrize(
    ("changed", "within"),
    [
        ({}, True),
        ({"new_ms": 61.0}, False),
        ({"at_once_per_s": 39.0}, False),
        ({"longest_wait": 3.1}, False),
    ],
)
def test_limits_decide(changed, within):
    times = AnswerTimes("next_action", 18.0, 50.0, 60.0, 20.0, 10.0, 16, 40.0, 1.0)
    assert times.within_limits
    assert AnswerTimes(**{**vars(times), **changed}).within_limits is within
