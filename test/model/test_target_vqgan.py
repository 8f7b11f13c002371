"""A VQGAN in a file of its own beside a model that does not write its modality."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.model.checkpoint import locate
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.robot.errors import CheckpointError


def text_model(folder: Path) -> Path:
    UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"]).save_pretrained(folder)
    return folder


def vqgan(modality: str) -> TargetVQGAN:
    torch.manual_seed(0)
    tiny = ModelConfig.load("tiny")
    return TargetVQGAN(replace(tiny, target_modalities=(modality,)))


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_a_vqgan_lies_beside_the_weights_and_is_read_back(tmp_path: Path, modality: str) -> None:
    saved = vqgan(modality)
    saved.save_beside(text_model(tmp_path))
    read = TargetVQGAN.of(locate(tmp_path), modality)
    for name, p in read.state_dict().items():
        torch.testing.assert_close(p, saved.state_dict()[name], rtol=1e-3, atol=1e-6)
    codes = torch.arange(1024 if modality == "image" else 512)[None]
    torch.testing.assert_close(
        read.vqgan.decode(codes), saved.vqgan.decode(codes), rtol=0.02, atol=0.02
    )


def test_a_model_is_the_same_with_a_vqgan_beside_it_and_without(tmp_path: Path) -> None:
    alone = UnifiedIO.from_pretrained(text_model(tmp_path))
    vqgan("image").save_beside(tmp_path)
    beside = UnifiedIO.from_pretrained(tmp_path)
    assert beside.config == alone.config
    assert beside.state_dict().keys() == alone.state_dict().keys()
    assert locate(tmp_path).weight_bytes == (tmp_path / "model.safetensors").stat().st_size


def test_a_whole_model_has_its_vqgans_among_its_weights(tmp_path: Path) -> None:
    whole = UnifiedIO.synthetic("tiny")
    whole.save_pretrained(tmp_path)
    read = TargetVQGAN.of(locate(tmp_path), "audio")
    state = whole.state_dict()
    assert all(torch.equal(p, state[name]) for name, p in read.state_dict().items())


def test_a_model_without_a_vqgan_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no VQGAN for image: train one"):
        TargetVQGAN.of(locate(text_model(tmp_path)), "image")


def test_a_vqgan_of_other_sizes_is_refused(tmp_path: Path) -> None:
    other = replace(ModelConfig.load("tiny").audio_vqgan, proj_dim=8)
    tiny = replace(ModelConfig.load("tiny"), audio_vqgan=other, target_modalities=("audio",))
    TargetVQGAN(tiny).save_beside(text_model(tmp_path))
    with pytest.raises(CheckpointError, match="mis-shaped"):
        TargetVQGAN.of(locate(tmp_path), "audio")


def test_the_shipped_bundle_has_vqgans_and_is_small() -> None:
    files = locate("uio2-nano")
    assert files.vqgans.keys() == {"image", "audio"}
    spectrogram = TargetVQGAN.of(files, "audio").vqgan.decode(torch.arange(512)[None])
    assert spectrogram.shape == (1, 1, 128, 256)
    assert bool(spectrogram.isfinite().all())
    folder = files.vqgans["audio"].parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16e6


@pytest.mark.parametrize("color", [(0.9, 0.8, -0.9), (0.8, -0.8, -0.8)], ids=["yellow", "red"])
def test_the_shipped_vqgan_of_pictures_draws_a_thing_in_its_colour(
    color: tuple[float, float, float],
) -> None:
    shown = torch.zeros(1, 3, 256, 256)
    shown[:, :, 100:140, 100:140] = torch.tensor(color)[:, None, None]
    vqgan = TargetVQGAN.of(locate("uio2-nano"), "image").float().eval().vqgan
    with torch.no_grad():
        drawn = vqgan.decode(vqgan.encode(shown))
    thing, table = drawn[0, :, 108:132, 108:132].mean((1, 2)), drawn[0, :, :64].mean((1, 2))
    assert (thing - torch.tensor(color)).abs().max() < 0.5
    assert table.abs().max() < 0.2
