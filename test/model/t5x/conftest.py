"""The golden T5X checkpoints, unpacked, and what is in them."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "t5x"


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("t5x")
    for name in ("micro_t5x", "bfloat16_t5x"):
        with tarfile.open(GOLDEN / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def micro(unpacked: Path) -> Path:
    """A step folder, not to be changed."""
    return unpacked / "micro_t5x"


@pytest.fixture
def copy(micro: Path, tmp_path: Path) -> Path:
    """A step folder to damage."""
    return Path(shutil.copytree(micro, tmp_path / "copy"))


@pytest.fixture(scope="session")
def config() -> Path:
    return GOLDEN / "config_micro.json"


Names = dict[str, tuple[str, str, tuple[int, ...], tuple[int, ...]]]


@pytest.fixture(scope="session")
def names() -> Callable[[str], Names]:
    """names(size): path in JAX -> official name, transform, shape of the array, of the tensor."""

    def read(size: str) -> Names:
        with gzip.open(GOLDEN / f"names_{size}.json.gz", "rt") as file:
            listed = json.load(file)
        return {k: (n, t, tuple(a), tuple(s)) for k, (n, t, a, s) in listed.items()}

    return read
