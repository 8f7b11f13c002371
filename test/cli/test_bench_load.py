"""What the benchmark of loading concludes, and that it measures a checkpoint of its own making."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uio2_ros.cli import bench_load, bench_load_process
from uio2_ros.model import UnifiedIO


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bench")
    bench_load_process.make(place, "tiny")
    return place


def test_loading_is_judged_by_the_medians_until_all_weights_are_there() -> None:
    cached = {"cached_read_s": 0.1, "cached_load_s": 0.2}
    runs = [
        {"read_s": 2.0, "load_s": 1.0, "touch_s": 0.5, **cached},
        {"read_s": 1.0, "load_s": 1.2, "touch_s": 0.1, **cached},
        {"read_s": 3.0, "load_s": 9.0, "touch_s": 0.6, **cached},
    ]
    measurement = bench_load.loading_of("file", runs)
    assert measurement.value == pytest.approx(1.7)
    assert measurement.limit == pytest.approx(3.0)


def test_memory_is_judged_by_the_weights() -> None:
    run = {"peak_bytes": 2.7e9, "weights_bytes": 2e9, "own_bytes": 3e8}
    measurement = bench_load.memory_of("file", run)
    assert not measurement.passes
    assert measurement.ratio == pytest.approx(2.7 / 2.6)


def test_the_checkpoint_keeps_what_released_ones_keep_in_float32(folder: Path) -> None:
    for kind in ("bin", "safetensors"):
        model = UnifiedIO.from_pretrained(folder / kind)
        expected = UnifiedIO.synthetic("tiny").to_dtype(torch.bfloat16).official_state_dict()
        state = model.official_state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_loading_and_running_are_measured(folder: Path, kind: str) -> None:
    times = bench_load_process.load(folder / kind)
    assert min(times.values()) > 0
    run = bench_load_process.run(folder / kind)
    assert run["weights_bytes"] > 10_000_000
    assert run["peak_bytes"] > run["own_bytes"] > 0


def test_a_checkpoint_that_is_there_is_used_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object) -> dict[str, float]:
        raise AssertionError("the checkpoint was made again")

    monkeypatch.setattr(bench_load, "_process", started)
    bench_load.make_checkpoint(folder, "tiny")


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_load, "ROOM", 1 << 60)
    with pytest.raises(SystemExit, match="name another place with --folder"):
        bench_load.make_checkpoint(tmp_path, "large")


def test_a_process_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with 1"):
        bench_load.measure(tmp_path, repeats=1)
