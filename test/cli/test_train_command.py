"""`./uio2 train`: from a configuration to a bundle that answers, and on from where it was ended."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from uio2_ros.cli.train import main
from uio2_ros.inference import Engine
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import UnifiedIO
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.training.prepared import Prepared, PreparedPicture, save_prepared


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A tiny model that reads text and pictures, prepared examples for it, and a run of 3 steps."""
    model = UnifiedIO.synthetic("tiny").set_modalities(["text", "image"], ["text"])
    model.save_pretrained(tmp_path / "start")
    made = Processor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    example = made("find it", text_target="there")
    positions = made.history_frame(np.zeros((64, 64, 3), np.uint8)).positions[:8]
    features = torch.zeros(8, 2 * model.config.image_vit_cfg.emb_dim, dtype=torch.bfloat16)
    assert example.text_target is not None
    one = Prepared("refexp", example.text, example.text_target, (positions % 2).astype("uint8"))
    (tmp_path / "data").mkdir()
    save_prepared(
        tmp_path / "data" / "a.prepared.pt", [PreparedPicture(features, positions, (one,))]
    )
    path = tmp_path / "run.yaml"
    path.write_text(
        f"model: {tmp_path}/start\ntokenizer: {SYNTHETIC_TOKENIZER}\noutput: {tmp_path}/out\n"
        f"data: [{{kind: prepared, path: {tmp_path}/data}}]\n"
        "steps: 3\nbatch: 4\nsave_every: 1\nlog_every: 1\nsheet_every: 2\n"
        "loss: {grounding: 1.0, soft_locations: 4.0}\n"
    )
    return path


def test_a_run_ends_in_a_bundle_and_goes_on(config: Path, tmp_path: Path) -> None:
    assert main([str(config)]) == 0
    out = tmp_path / "out"
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3]
    assert log[-1]["text"] < log[0]["text"]
    assert "there" in (out / "sheets" / "step-2.md").read_text()
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-2", "step-3"]
    engine = Engine.from_pretrained(out / "bundle")
    assert engine.bundle is not None

    assert main([str(config), "--set", "steps=4"]) == 0
    last = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 4


def test_a_wrong_configuration_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(config), "--set", "batch=0"]) == 2
    assert "batch is 0; give 1 or more" in capsys.readouterr().err
