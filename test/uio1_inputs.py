"""Weights and noise behind the golden numbers of Unified-IO 1, computed from names and seeds."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uio2_ros.model.families.unified_io_1.network import UnifiedIO1
from uio2_ros.model.families.unified_io_1.official_names import UNUSED, layout
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.t5x import StoredArray, read_tensor

GOLDEN = Path(__file__).parent / "golden" / "uio1"
Floats = npt.NDArray[np.float32]


def weight(path: str, shape: tuple[int, ...]) -> Floats:
    """The array at a path of the released files, as it is stored there."""
    noise = np.random.Generator(np.random.PCG64(zlib.crc32(path.encode())))
    values = noise.standard_normal(shape).astype(np.float32)
    leaf = path.rsplit("/", 1)[-1]
    if leaf == "scale":
        return np.float32(1.0) + np.float32(0.1) * values
    if leaf == "bias":
        return np.float32(0.1) * values
    if path.endswith("quantize/embedding"):
        return values
    if leaf == "kernel":
        gain = 0.25 if path.endswith("query/kernel") else 1.0
        return values * np.float32(gain / np.sqrt(np.prod(shape[:-1])))
    return np.float32(0.5) * values


def manifest(size: str) -> dict[str, tuple[int, ...]]:
    """Path -> shape of every array of a released file that has a tensor."""
    listed = json.loads((GOLDEN / f"manifest_{size}.json").read_text())
    return {path: tuple(shape) for path, shape in listed.items() if not UNUSED.fullmatch(path)}


def golden_model() -> UnifiedIO1:
    """The tiny network with the weights behind the golden numbers."""
    with without_weights():
        model = UnifiedIO1.from_config("tiny")
    state = {}
    for path, shape in manifest("tiny").items():
        values = weight(path, shape)
        array = StoredArray(shape, "float32", lambda out, values=values: np.copyto(out, values))
        state[path] = read_tensor(array, layout(path, len(shape)))
    model.load_official_state_dict(state)
    return model.eval()


def golden(name: str) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of a golden file."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def gumbel(step: int, row: int, size: int) -> Floats:
    """A sample is the largest of the filtered logits plus this."""
    uniform = np.random.Generator(np.random.PCG64([7000 + step, row])).uniform(1e-12, 1.0, size)
    return (-np.log(-np.log(uniform))).astype(np.float32)


def segmentation(size: int = 256) -> npt.NDArray[np.uint8]:
    """A picture (size, size, 3) as the model paints instance masks."""
    out = np.zeros((size, size, 3), np.uint8)
    y, x = np.mgrid[0:size, 0:size]
    out[20:80, 20:90] = (250, 248, 252)
    out[150:200, 20:80] = (120, 118, 122)
    out[155:195, 25:75] = (240, 240, 240)
    out[(y - 60) ** 2 + (x - 170) ** 2 < 35**2] = (220, 30, 20)
    out[120:170, 120:160] = (25, 230, 35)
    out[220:222, 120:123] = (25, 230, 35)
    out[180:240, 190:240] = (10, 20, 210)
    out[100:170, 200:208] = (10, 20, 210)
    out[90:95, 0:60] = (85, 0, 0)
    return out
