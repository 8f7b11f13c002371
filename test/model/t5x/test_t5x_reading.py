"""What T5X folders and archives hold, and what is said of damaged ones."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch

from uio2_ros.model import synthetic_tensor
from uio2_ros.model.families.unified_io_2.jax_names import layout, official_name
from uio2_ros.model.t5x import is_jax_checkpoint, open_checkpoint, read_tensor
from uio2_ros.model.t5x.index import ARRAY, SCALAR
from uio2_ros.robot.errors import CheckpointError

KERNEL = "target.encoder.layers_0.attention.query.kernel"
PATH = "encoder/layers_0/attention/query/kernel"


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    arrays = open_checkpoint(folder).arrays
    return {
        official_name(path): read_tensor(array, layout(path, len(array.shape)))
        for path, array in arrays.items()
    }


def rewrite_index(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "checkpoint"
    content = msgpack.unpackb(path.read_bytes(), strict_map_key=False)
    change(content)
    path.write_bytes(msgpack.packb(content))


def leaf(content: dict[str, Any], path: str = PATH) -> dict[str, Any]:
    *parents, last = path.split("/")
    tree = content["optimizer"]["target"]
    for key in parents:
        tree = tree[key]
    return {"tree": tree, "key": last, "value": tree[last]}


def inline(values: np.ndarray, code: int = ARRAY) -> msgpack.ExtType:
    payload = msgpack.packb([list(values.shape), values.dtype.name, values.tobytes()])
    return msgpack.ExtType(code, payload)


def test_every_tensor_of_the_golden_checkpoint_is_read_exactly(micro: Path) -> None:
    read = tensors(micro)
    assert len(read) == 471
    for name, tensor in read.items():
        assert torch.equal(tensor, synthetic_tensor(name, tuple(tensor.shape))), name


def test_bfloat16_is_read_as_it_is_stored(unpacked: Path) -> None:
    for name, tensor in tensors(unpacked / "bfloat16_t5x").items():
        assert tensor.dtype is torch.bfloat16
        assert torch.equal(tensor, synthetic_tensor(name, tuple(tensor.shape)).bfloat16()), name


def test_a_run_is_its_last_complete_step(micro: Path, tmp_path: Path) -> None:
    for name in ("checkpoint_5", "checkpoint_20", "checkpoint_30.tmp-17"):
        (tmp_path / name).symlink_to(micro)
    assert open_checkpoint(tmp_path).path == tmp_path / "checkpoint_20"
    assert open_checkpoint(micro / "checkpoint").path == micro
    assert not is_jax_checkpoint(tmp_path / "checkpoint_5" / KERNEL)


def test_arrays_in_the_index_are_read_whole_in_parts_and_as_numbers(copy: Path) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)

    def change(content: dict[str, Any]) -> None:
        target = content["optimizer"]["target"]
        target["whole"] = inline(values)
        target["number"] = inline(np.float32(7).reshape(()), SCALAR)
        target["nothing"] = None
        target["empty"] = {}
        target["parts"] = {
            "__msgpack_chunked_array__": True,
            "shape": {"0": 3, "1": 4},
            "chunks": {"0": inline(values.ravel()[:5]), "1": inline(values.ravel()[5:])},
        }

    rewrite_index(copy, change)
    arrays = open_checkpoint(copy).arrays
    for name in ("whole", "parts"):
        out = np.empty((3, 4), np.float32)
        arrays[name].read_into(out)
        assert np.array_equal(out, values)
    assert arrays["number"].shape == ()
    assert not {"nothing", "empty"} & set(arrays)


def test_references_of_older_and_remote_writers_lie_beside_the_index(copy: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        reference = leaf(content)["value"]
        reference["path"] = reference["kvstore"].pop("path") + "/"
        reference["kvstore"] = {"driver": "gcs", "bucket": "t5x-dummy-bucket"}

    rewrite_index(copy, change)
    assert open_checkpoint(copy).arrays[PATH].shape == (32, 32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(version=2), "version 2"),
        (lambda c: c.update(version=1), "expected 3"),
        (lambda c: c["optimizer"].pop("target"), "no optimizer.target"),
        (lambda c: leaf(c)["value"]["kvstore"].update(path="../elsewhere"), "outside"),
        (lambda c: leaf(c)["value"]["metadata"].update(shape=[32, 33]), r"\(32, 33\)"),
        (lambda c: leaf(c)["value"].update(dtype="bfloat16"), "says bfloat16"),
        (lambda c: leaf(c)["value"].update(driver="n5"), "no reference to a zarr array"),
        (lambda c: leaf(c)["tree"].update(kernel=3.5), "expected an array"),
    ],
)
def test_an_index_that_cannot_be_right_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    rewrite_index(copy, change)
    with pytest.raises(CheckpointError, match=said):
        open_checkpoint(copy)


@pytest.mark.parametrize("kept", [0, 1, 1000])
def test_a_cut_index_is_refused(copy: Path, kept: int) -> None:
    path = copy / "checkpoint"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="checkpoint"):
        open_checkpoint(copy)


def read_kernel(folder: Path) -> torch.Tensor:
    array = open_checkpoint(folder).arrays[PATH]
    return read_tensor(array, layout(PATH, 2))


def test_a_missing_chunk_is_named(copy: Path) -> None:
    (copy / KERNEL / "0.1").unlink()
    with pytest.raises(CheckpointError, match=r"query.kernel lacks the chunks 0\.1"):
        read_kernel(copy)


@pytest.mark.parametrize("damage", ["cut", "short", "long", "noise"])
def test_a_damaged_chunk_is_named(copy: Path, damage: str) -> None:
    path = copy / KERNEL / "0.0"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(
        {
            "cut": path.read_bytes()[:-20],
            "short": gzip.compress(whole[:-4]),
            "long": gzip.compress(whole + b"0000"),
            "noise": b"noise",
        }[damage]
    )
    with pytest.raises(CheckpointError, match=r"0\.0"):
        read_kernel(copy)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("zarr_format", 3, "zarr_format 3"),
        ("order", "F", "order 'F'"),
        ("compressor", {"id": "blosc"}, "blosc"),
        ("dtype", "<i8", "<i8"),
        ("shape", [32, -1], "shape"),
        ("chunks", [0, 32], "chunks"),
    ],
)
def test_arrays_of_another_kind_are_refused_by_name(
    copy: Path, key: str, value: object, said: str
) -> None:
    path = copy / KERNEL / ".zarray"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(CheckpointError, match=said):
        open_checkpoint(copy)


def test_chunks_at_the_upper_edge_are_cut_to_the_array(copy: Path) -> None:
    expected = read_kernel(copy).numpy().T
    folder = copy / KERNEL
    path = folder / ".zarray"
    path.write_text(json.dumps({**json.loads(path.read_text()), "chunks": [24, 20]}))
    padded = np.full((48, 40), np.nan, np.float32)
    padded[:32, :32] = expected
    for old in folder.glob("[0-9]*"):
        old.unlink()
    for i in range(2):
        for j in range(2):
            part = padded[24 * i : 24 * i + 24, 20 * j : 20 * j + 20]
            (folder / f"{i}.{j}").write_bytes(gzip.compress(np.ascontiguousarray(part).tobytes()))
    assert np.array_equal(read_kernel(copy).numpy().T, expected)


@pytest.mark.parametrize(("before", "between"), [("", "."), (".", "."), ("target.", "/")])
def test_an_archive_is_the_same_tree(
    micro: Path, tmp_path: Path, before: str, between: str
) -> None:
    arrays = {}
    for path, array in open_checkpoint(micro).arrays.items():
        values = np.empty(array.shape, np.float32)
        array.read_into(values)
        arrays[before + path.replace("/", between)] = values
    np.savez(tmp_path / "flat.npz", **arrays)
    read = tensors(tmp_path / "flat.npz")
    assert len(read) == 471
    assert all(torch.equal(t, synthetic_tensor(n, tuple(t.shape))) for n, t in read.items())


def test_a_pickled_tree_is_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "nested.npz", target=np.array({"encoder": {}}, dtype=object))
    with pytest.raises(CheckpointError, match="pickled tree"):
        open_checkpoint(tmp_path / "nested.npz")


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", kernel=np.ones((100, 100), np.float32))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="no complete"):
        open_checkpoint(tmp_path / "a.npz")
