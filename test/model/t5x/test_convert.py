"""Conversion: exact, in pieces, resumed where it was interrupted, and refused with a reason."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgpack
import numpy as np
import pytest
import torch
from model.t5x.conftest import GOLDEN

from uio2_ros.cli.convert import main
from uio2_ros.model import UnifiedIO, checkpoint, synthetic_tensor, weights
from uio2_ros.model import convert as conversion
from uio2_ros.model.convert import convert
from uio2_ros.model.families.unified_io_2.jax_names import layout
from uio2_ros.model.t5x import open_checkpoint
from uio2_ros.robot.errors import CheckpointError


def assert_golden(folder: Path, count: int = 471) -> None:
    state = weights.read_state_dict(checkpoint.locate(folder).weights)
    assert len(state) == count
    for name, tensor in state.items():
        assert torch.equal(tensor, synthetic_tensor(name, tuple(tensor.shape))), name


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_the_golden_checkpoint_becomes_exactly_the_golden_tensors(
    micro: Path, config: Path, tmp_path: Path, form: str
) -> None:
    folder = convert(micro, tmp_path / "out", config=config, form=form, max_shard_bytes=10**6)
    assert_golden(folder)
    assert not list(folder.glob("*.part"))
    assert (
        UnifiedIO.from_pretrained(folder).config.to_dict()
        == UnifiedIO.from_config(config).config.to_dict()
    )


def test_a_jax_checkpoint_loads_without_being_converted(copy: Path, config: Path) -> None:
    shutil.copy(config, copy / "config.json")
    model = UnifiedIO.from_pretrained(copy)
    for name, tensor in model.official_state_dict().items():
        assert torch.equal(tensor, synthetic_tensor(name, tuple(tensor.shape))), name


def test_an_interrupted_conversion_goes_on(
    micro: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read_tensor = conversion.read_tensor

    def interrupted(*placed: object) -> torch.Tensor:
        nonlocal reads
        reads += 1
        if reads == 400:
            raise KeyboardInterrupt
        return read_tensor(*placed)  # type: ignore[arg-type]

    monkeypatch.setattr(conversion, "read_tensor", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(micro, tmp_path, config=config, max_shard_bytes=10**6)
    assert list(tmp_path.glob("*.part"))
    with pytest.raises(CheckpointError):  # what is not complete is no checkpoint yet
        checkpoint.locate(tmp_path)
    heard = []
    convert(
        micro,
        tmp_path,
        config=config,
        max_shard_bytes=10**6,
        progress=lambda count, total: heard.append((count, total)),
    )
    assert reads < 400 + 471 // 2
    assert sum(count for count, _ in heard) == heard[0][1]
    assert_golden(tmp_path)


def test_what_was_begun_from_another_source_is_not_kept(
    micro: Path, copy: Path, config: Path, tmp_path: Path
) -> None:
    index = copy / "checkpoint"
    index.write_bytes(index.read_bytes().replace(b"gzip", b"zlib", 1))
    convert(copy, tmp_path / "out", config=config, max_shard_bytes=10**6)
    part = tmp_path / "out" / "model-00002-of-00005.safetensors"
    part.write_bytes(part.read_bytes()[:-1000] + bytes(1000))
    convert(micro, tmp_path / "out", config=config, max_shard_bytes=10**6)
    assert_golden(tmp_path / "out")


def test_arrays_that_do_not_fit_are_listed_before_anything_is_written(
    copy: Path, config: Path, tmp_path: Path
) -> None:
    arrays = dict(open_checkpoint(copy).arrays)
    values = {}
    for path, array in arrays.items():
        values[path.replace("/", ".")] = np.zeros(array.shape, np.float32)
    del values["encoder.encoder_norm.scale"]
    values["encoder.extra.scale"] = np.zeros(3, np.float32)
    values["decoder.decoder_norm.scale"] = np.zeros(31, np.float32)
    np.savez(tmp_path / "bad.npz", **values)
    with pytest.raises(CheckpointError, match=r"unknown.*extra.*missing.*encoder_norm.*mis-shaped"):
        convert(tmp_path / "bad.npz", tmp_path / "out", config=config)
    assert not (tmp_path / "out").exists()


def test_an_unknown_size_asks_for_its_configuration(micro: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"\(384, 32\).*config.json"):
        convert(micro, tmp_path / "out")


def test_lower_precision_is_had_by_asking(micro: Path, config: Path, tmp_path: Path) -> None:
    folder = convert(micro, tmp_path, config=config, dtype=torch.bfloat16)
    state = weights.read_state_dict(checkpoint.locate(folder).weights)
    name = "encoder.layers_0.attention.query.weight"
    assert torch.equal(state[name], synthetic_tensor(name, (32, 32)).bfloat16())


def test_converted_weights_of_the_tiny_model_are_those_of_the_golden_numbers(
    tmp_path: Path,
) -> None:
    """test/golden was made with `synthetic_tensor` of these names, so equal tensors suffice."""
    with_paths = _tiny_paths()
    arrays = {}
    for path, (name, shape) in with_paths.items():
        tensor = synthetic_tensor(name, shape).numpy()
        arrays[path.replace("/", ".")] = layout(path, len(shape)).array_view(tensor)
    np.savez(tmp_path / "tiny.npz", **arrays)
    assert_golden(convert(tmp_path / "tiny.npz", tmp_path / "out"), len(with_paths))


def _tiny_paths() -> dict[str, tuple[str, tuple[int, ...]]]:
    """JAX paths of the tiny model, by trying the names of all layers that large has."""
    with gzip.open(GOLDEN / "names_tiny.json.gz", "rt") as file:
        return {path: (row[0], tuple(row[3])) for path, row in json.load(file).items()}


def test_memory_holds_a_tensor_and_its_array(tmp_path: Path) -> None:
    """Peak above the start: less than the largest array 1.2 times and the tensor made of it."""
    program = f"""
import resource
from uio2_ros.model.t5x import open_checkpoint
from uio2_ros.model.safetensors_stream import Entry, write_stream
from uio2_ros.model.t5x import TensorLayout, read_tensor
import torch
from pathlib import Path
arrays = open_checkpoint({str(tmp_path)!r}).arrays
read_tensor(arrays["small"], TensorLayout.TRANSPOSED)
entries = [
    Entry(n, TensorLayout.TRANSPOSED.tensor_shape(a.shape), torch.float32,
          lambda a=a: read_tensor(a, TensorLayout.TRANSPOSED)) for n, a in arrays.items()
]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_stream(Path({str(tmp_path / "out")!r}), entries, {{}}, lambda _: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    largest = np.random.default_rng(0).integers(0, 4, (4096, 4096)).astype(np.float32)  # 64 MiB
    _write_t5x(tmp_path, {"small": largest[:64, :64], **{f"big{n}": largest for n in range(4)}})
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert int(done.stdout) * 1024 < (1.2 + 1) * largest.nbytes


def _write_t5x(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    target = {}
    for name, array in arrays.items():
        place = folder / f"target.{name}"
        place.mkdir(parents=True)
        kind = {"shape": list(array.shape), "chunks": list(array.shape)}
        form = {"zarr_format": 2, "dtype": "<f4", "order": "C", "compressor": {"id": "gzip"}}
        (place / ".zarray").write_text(json.dumps({**kind, **form}))
        chunk = gzip.compress(np.ascontiguousarray(array).tobytes(), 1)
        (place / ".".join("0" * array.ndim)).write_bytes(chunk)
        store = {"driver": "file", "path": place.name}
        target[name] = {"driver": "zarr", "kvstore": store, "metadata": kind, "dtype": "float32"}
    index = {"version": 3, "optimizer": {"target": target}}
    (folder / "checkpoint").write_bytes(msgpack.packb(index))


def test_the_command_converts_and_says_what_is_wrong(
    micro: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([str(micro), str(out), "--config", str(config)]) == 0
    assert f"model:={out}" in capsys.readouterr().out
    assert_golden(out)
    assert main([str(tmp_path / "nothing"), str(out)]) == 1
    assert "no JAX checkpoint" in capsys.readouterr().err
