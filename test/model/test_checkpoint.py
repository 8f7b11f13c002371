"""Checkpoint files: layouts of the hub, files that are broken, wrong or hostile."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from uio2_ros.model import UnifiedIO
from uio2_ros.model.checkpoint import locate
from uio2_ros.model.weights import (
    check_state_dict,
    read_state_dict,
    write_safetensors,
)
from uio2_ros.robot.errors import CheckpointError

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "b.bias": torch.ones(4)}
SHAPES = {"a.weight": (2, 3), "b.bias": (4,)}


def assert_same(got: Mapping[str, Tensor], expected: Mapping[str, Tensor] = STATE) -> None:
    assert set(got) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(got[name], tensor)


def checkpoint_dir(folder: Path, files: Mapping[str, Any]) -> Path:
    """A directory in the hub's layout with the weight files given by name."""
    (folder / "config.json").write_text("{}")
    for name, content in files.items():
        if name.endswith(".index.json"):
            (folder / name).write_text(json.dumps(content))
        elif name.endswith(".safetensors"):
            save_file(content, folder / name)
        else:
            torch.save(content, folder / name)
    return folder


HALVES = {"a.weight": STATE["a.weight"]}, {"b.bias": STATE["b.bias"]}


def sharded(suffix: str) -> dict[str, Any]:
    """Two files of one tensor each."""
    return {f"1.{suffix}": HALVES[0], f"2.{suffix}": HALVES[1]}


def index(suffix: str) -> dict[str, Any]:
    return {"weight_map": {"a.weight": f"1.{suffix}", "b.bias": f"2.{suffix}"}}


@pytest.mark.parametrize(
    "files",
    [
        {"pytorch_model.bin": STATE},
        {"model.safetensors": STATE},
        {"model.safetensors.index.json": index("safetensors"), **sharded("safetensors")},
        {"pytorch_model.bin.index.json": index("bin"), **sharded("bin")},
    ],
    ids=["bin", "safetensors", "safetensors shards", "bin shards"],
)
def test_every_layout_of_the_hub_is_read(files: Mapping[str, Any], tmp_path: Path) -> None:
    assert_same(read_state_dict(locate(checkpoint_dir(tmp_path, files)).weights))


def test_safetensors_are_preferred(tmp_path: Path) -> None:
    files = {"pytorch_model.bin": {}, "model.safetensors": STATE}
    assert [p.name for p in locate(checkpoint_dir(tmp_path, files)).weights] == [
        "model.safetensors"
    ]


def test_old_torch_format_is_read(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert_same(read_state_dict([tmp_path / "old.bin"]))


def test_torch_files_are_mapped_not_copied(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1 << 20)}, tmp_path / "w.bin")
    state = read_state_dict([tmp_path / "w.bin"])
    maps = Path("/proc/self/maps").read_text()
    assert str(tmp_path / "w.bin") in maps
    del state


def test_a_model_loads_from_a_directory_with_stored_dtypes(tmp_path: Path) -> None:
    model = UnifiedIO.synthetic("tiny").to_dtype(torch.bfloat16)
    model.config.save(tmp_path / "config.json")
    torch.save(model.official_state_dict(), tmp_path / "pytorch_model.bin")
    again = UnifiedIO.from_pretrained(tmp_path)
    assert_same(again.official_state_dict(), model.official_state_dict())
    assert again.dtype == torch.bfloat16
    assert again.get_parameter("input_embedders.image.vit.pre_ln.bias").dtype == torch.float32


class Hostile:
    """Creates a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o, 2))])
def test_a_pickle_that_is_no_state_dict_is_refused_and_never_executed(
    save: Any, tmp_path: Path
) -> None:
    created = tmp_path / "created"
    save({"a.weight": Hostile(created)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="not a state dict of tensors and was not executed"):
        read_state_dict([tmp_path / "pytorch_model.bin"])
    assert not created.exists()
    pickle.loads(pickle.dumps(Hostile(created), 2))
    assert created.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, expected a state dict"),
        ({"a": 1, "b": torch.ones(1)}, "holds values that are no tensors: a"),
    ],
)
def test_other_content_is_named(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.bin")
    with pytest.raises(CheckpointError, match=message):
        read_state_dict([tmp_path / "w.bin"])


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("kept", [0, 6, 300, -1])
def test_truncated_files_say_to_download_again(name: str, kept: int, tmp_path: Path) -> None:
    path = checkpoint_dir(tmp_path, {name: {"w": torch.zeros(1000)}}) / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=f"{name} .*download it again"):
        read_state_dict([path])


def test_shards_that_repeat_a_tensor_are_refused(tmp_path: Path) -> None:
    for name in ("1.bin", "2.bin"):
        torch.save(STATE, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"repeats tensors of other shards: a\.weight"):
        read_state_dict([tmp_path / "1.bin", tmp_path / "2.bin"])


def test_missing_shards_are_named(tmp_path: Path) -> None:
    files = {"pytorch_model.bin.index.json": index("bin"), "1.bin": HALVES[0]}
    with pytest.raises(CheckpointError, match=r"names files that are missing: 2\.bin"):
        locate(checkpoint_dir(tmp_path, files))


def test_an_index_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not an index of shards"):
        locate(checkpoint_dir(tmp_path, {"model.safetensors.index.json": {"weights": {}}}))


@pytest.mark.parametrize("names", [["../other/model.safetensors"], [3, "x"], []])
def test_an_index_names_files_beside_it(names: list[Any], tmp_path: Path) -> None:
    index = {"weight_map": {str(number): name for number, name in enumerate(names)}}
    with pytest.raises(CheckpointError, match="is not an index of shards"):
        locate(checkpoint_dir(tmp_path, {"model.safetensors.index.json": index}))


@pytest.mark.parametrize("name", ["config.json", "pytorch_model.bin", "model.safetensors"])
def test_a_pointer_of_git_lfs_is_named(name: str, tmp_path: Path) -> None:
    folder = checkpoint_dir(tmp_path, {"pytorch_model.bin": STATE})
    (folder / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n"
    )
    with pytest.raises(CheckpointError, match=rf"{name} is a git-lfs pointer.*run `git lfs pull`"):
        locate(folder)


def test_the_home_directory_may_be_written_as_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = checkpoint_dir(tmp_path, {"pytorch_model.bin": STATE})
    assert locate(f"~/{folder.relative_to(tmp_path)}").config == folder / "config.json"


def test_a_directory_without_config_or_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        locate(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no weights: expected one of model"):
        locate(checkpoint_dir(tmp_path, {}))


@pytest.mark.parametrize("source", ["no/such/directory", "nothing", "./missing", ""])
def test_what_is_neither_directory_nor_hub_id_is_refused(source: str) -> None:
    with pytest.raises(CheckpointError, match="expected a directory with config"):
        locate(source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"c.scale": torch.ones(1)}, "1 unknown: c.scale"),
        ({"b.bias": None}, "1 missing: b.bias"),
        ({"a.weight": torch.ones(3, 2)}, r"1 mis-shaped: a.weight \(3, 2\) instead of \(2, 3\)"),
        ({"b.bias": torch.ones(4, dtype=torch.int8)}, "1 not floating-point: b.bias"),
    ],
)
def test_tensors_that_differ_are_listed(change: dict[str, Any], message: str) -> None:
    state = {name: t for name, t in {**STATE, **change}.items() if t is not None}
    with pytest.raises(CheckpointError, match=message):
        check_state_dict(state, SHAPES)


def test_long_lists_are_cut() -> None:
    shapes = {f"w{i:03}": (1,) for i in range(100)}
    with pytest.raises(CheckpointError, match=r"100 missing: w000, .* and 80 more"):
        check_state_dict({}, shapes)


# ---- writing ----


def test_small_weights_are_one_file(tmp_path: Path) -> None:
    write_safetensors(STATE, tmp_path, max_shard_bytes=40)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_large_weights_are_shards_with_an_index(tmp_path: Path) -> None:
    state = {name: torch.full((10,), float(n)) for n, name in enumerate("abcde")}
    state["large"] = torch.ones(100)
    (tmp_path / "config.json").write_text("{}")
    write_safetensors(state, tmp_path, max_shard_bytes=80)
    names = [f"model-{n:05}-of-00004.safetensors" for n in (1, 2, 3, 4)]
    files = locate(tmp_path).weights
    assert [path.name for path in files] == names
    assert_same(read_state_dict(files), state)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 600}
    assert index["weight_map"]["c"] == names[1]


def test_an_older_index_does_not_hide_what_is_saved(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    write_safetensors({"a": torch.zeros(9), "b": torch.zeros(9)}, tmp_path, max_shard_bytes=40)
    write_safetensors(STATE, tmp_path, max_shard_bytes=1000)
    assert_same(read_state_dict(locate(tmp_path).weights))


def test_a_shard_holds_something(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_shard_bytes must be >= 1"):
        write_safetensors(STATE, tmp_path, max_shard_bytes=0)


def test_exact_fit_passes() -> None:
    check_state_dict(STATE, SHAPES)
