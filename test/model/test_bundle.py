"""Bundles: what lies beside the weights, and how it is described."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from uio2_ros.model import Bundle, Camera, TrainedFor
from uio2_ros.model import checkpoint as checkpoints
from uio2_ros.model.bundle import untaught
from uio2_ros.robot.errors import CheckpointError

BUNDLE = Bundle(
    family="unified_io_2",
    description="a small model for a table",
    licence="Apache-2.0",
    trained_for=TrainedFor(("vqa", "refexp"), ("ee_delta",), (Camera("front", 320, 240),)),
    scores={"refexp": 0.9},
)


def written(folder: Path, **changes: Any) -> Path:
    """A directory with the files of a bundle, empty but for the description."""
    folder.mkdir(exist_ok=True)
    BUNDLE.save(folder / "bundle.json")
    described = {**json.loads((folder / "bundle.json").read_text()), **changes}
    (folder / "bundle.json").write_text(json.dumps(described))
    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        (folder / name).touch()
    return folder


def test_a_description_survives_writing_and_reading(tmp_path: Path) -> None:
    assert Bundle.read(written(tmp_path) / "bundle.json") == BUNDLE


def test_the_files_of_a_bundle_are_found(tmp_path: Path) -> None:
    files = checkpoints.locate(written(tmp_path))
    assert files.bundle == BUNDLE
    assert files.tokenizer == tmp_path / "tokenizer.model"


def test_shipped_bundles_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "uio2-small")
    for module in ("bundle", "checkpoint"):
        monkeypatch.setattr(f"uio2_ros.model.{module}.SHIPPED_BUNDLES", tmp_path)
    assert checkpoints.locate("uio2-small").bundle == BUNDLE
    with pytest.raises(CheckpointError, match="and weights, uio2-small, uio1-small, "):
        checkpoints.locate("uio2-smal")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "colour is unknown"),
        ({"trained_for": {}}, "lacks the keys tasks"),
        ({"scores": {"refexp": "good"}}, r"scores\.refexp is 'good', expected float"),
        ({"tokenizer": "../tokenizer.model"}, "must be a file in the bundle itself"),
        ({"tokenizer": "other.model"}, "other.model, which is missing"),
    ],
)
def test_unusable_descriptions_are_explained(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=message):
        checkpoints.locate(written(tmp_path, **change))


def test_bundles_and_configurations_are_read_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom uio2_ros.model import ModelConfig, checkpoint\n"
        f"assert checkpoint.locate({str(written(tmp_path))!r}).bundle.scores\n"
        "assert ModelConfig.load('large').target_modalities\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_a_bundle_was_not_trained_for_is_told() -> None:
    assert untaught("uio2-nano", "vqa") == ""
    assert "uio2-nano was not trained for free form" in untaught("uio2-nano", "")
    assert "depth" in untaught("uio2-nano", "depth")
    assert untaught("synthetic:tiny", "depth") == ""
    assert untaught("", "") == ""
