"""`./uio2 eval vqgan` on held-out pictures and sounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from uio2_ros.cli import eval as command
from uio2_ros.evaluation.reconstruction import held_out, measure
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import UnifiedIO
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.processing import Tokenizer

pytest.importorskip("mujoco", reason="needs the extra sim")


class Perfect(TargetVQGAN):
    """Draws what it was shown."""

    def __init__(self) -> None:
        super().__init__(replace(ModelConfig.load("tiny"), target_modalities=("image",)))
        self.shown = torch.zeros(0)
        self.vqgan.encode = self._encode  # type: ignore[method-assign]
        self.vqgan.decode = lambda _: self.shown  # type: ignore[method-assign]

    def _encode(self, values: torch.Tensor) -> torch.Tensor:
        self.shown = values
        return torch.arange(1024)[None]


def test_what_draws_what_it_is_shown_errs_by_the_gray_levels_of_depth_alone() -> None:
    found = measure(Perfect(), Tokenizer(SYNTHETIC_TOKENIZER), held_out("image", 1, 0))
    scores = {(one.task, one.score): one.value for one in found.scores}
    assert scores["generate_image", "PSNR (dB)"].mean == np.inf
    assert scores["depth", "SSIM"].mean == pytest.approx(1)
    assert 0 < scores["depth", "median error (m)"].mean < 10 / 255 / 2
    assert found.codes["depth"].used == 1024 / 16384
    plain = {(one.task, one.score): one.patch_means for one in found.scores}
    assert plain["generate_image", "PSNR (dB)"].mean < 40


def test_the_command_reads_vqgans_out_of_a_whole_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    UnifiedIO.synthetic("tiny").save_pretrained(tmp_path)
    asked = ["--model", str(tmp_path), "--tokenizer", str(SYNTHETIC_TOKENIZER), "--count", "2"]
    scores = tmp_path / "scores.json"
    words = ["vqgan", *asked, "--modality", "audio", "--json", str(scores)]
    assert command.main(words) == 0
    assert "spectral convergence" in capsys.readouterr().out
    audio = json.loads(scores.read_text())["audio"]
    assert {one["value"]["count"] for one in audio["scores"]} == {2}
    assert 0 < audio["codes"]["generate_audio"]["used"] <= 1


def test_a_model_without_vqgans_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"]).save_pretrained(tmp_path)
    asked = ["--model", str(tmp_path), "--tokenizer", str(SYNTHETIC_TOKENIZER), "--count", "1"]
    assert command.main(["vqgan", *asked]) == 1
    assert "has no VQGAN for image: train one" in capsys.readouterr().err
