"""The audio ViT-VQGAN: official names, codes and spectrograms of the released code, bad input."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_inputs import waveform

from uio2_ros.model.families.unified_io_2 import audio_vqgan
from uio2_ros.model.families.unified_io_2.audio_vqgan import (
    AudioViTVQGAN,
    patchify,
    sincos_positions,
)
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.synthetic import synthetic_tensor
from uio2_ros.processing import Processor, Tokenizer

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER = Path(audio_vqgan.__file__).parents[3] / "assets" / "synthetic_tokenizer.model"
PREFIX = "target_embedders.audio.vqgan."
FIRST_CODE = 2  # token of code 0
CONFIG = ModelConfig.load(GOLDEN / "config_tiny.json")
SMALL = dataclasses.replace(CONFIG.audio_vqgan, vocab_size=50, default_input_size=(16, 32))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "audio_target.npz"))


@pytest.fixture(scope="module")
def vqgan() -> AudioViTVQGAN:
    net = AudioViTVQGAN(CONFIG.audio_vqgan).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    net.load_state_dict({n: synthetic_tensor(PREFIX + n, shape) for n, shape in shapes.items()})
    return net


@pytest.mark.parametrize("size", ["tiny", "large", "xl", "xxl"])
def test_tensors_have_the_official_names_and_shapes(size: str) -> None:
    manifest = json.loads((GOLDEN / f"manifest_{size}.json").read_text())
    official = {
        name.removeprefix(PREFIX): shape
        for name, shape in manifest.items()
        if name.startswith(PREFIX)
    }
    with torch.device("meta"):
        net = AudioViTVQGAN(ModelConfig.load(GOLDEN / f"config_{size}.json").audio_vqgan)
    assert {name: list(tensor.shape) for name, tensor in net.state_dict().items()} == official


def test_sound_gets_the_codes_of_the_released_code(
    vqgan: AudioViTVQGAN, golden: dict[str, np.ndarray]
) -> None:
    processor = Processor(CONFIG, Tokenizer(TOKENIZER))
    target = processor(text="a bell", audio_target=waveform(4.08, 5)).audio_target
    assert target is not None
    spectrogram = torch.from_numpy(target).T[None, None]  # (1, 1, 128, 256)
    codes = vqgan.encode(spectrogram)
    assert codes.shape == (1, 512)
    assert (codes[0].numpy() + FIRST_CODE != golden["targets"]).mean() <= 0.005


@torch.inference_mode()
def test_generated_tokens_decode_to_the_spectrogram_of_the_released_code(
    vqgan: AudioViTVQGAN, golden: dict[str, np.ndarray]
) -> None:
    codes = torch.from_numpy(golden["noisy"][None, 1:]) - FIRST_CODE
    spectrogram = vqgan.decode(codes.clip(0, CONFIG.audio_vqgan.vocab_size - 1))
    assert spectrogram.shape == (1, 1, 128, 256)
    np.testing.assert_allclose(
        spectrogram[0, 0, ::4, ::4].numpy(), golden["noisy_spectrogram"], atol=2e-3
    )


def test_codes_are_stored_time_step_by_time_step() -> None:
    torch.manual_seed(0)
    net = AudioViTVQGAN(SMALL).eval()
    codes = torch.tensor([[0, 4, 1, 5, 2, 6, 3, 7]])  # mel 0 and 1 of each of four time steps
    vectors = net.quantize(torch.arange(8))[None]  # mel row by mel row
    net.encoder.forward = lambda _: vectors  # type: ignore[method-assign]
    net.decoder.forward = lambda z: z  # type: ignore[method-assign]
    assert torch.equal(net.encode(torch.zeros(1, 1, 16, 32)), codes)
    assert torch.equal(net.decode(codes), vectors)


def test_sounds_of_a_batch_are_independent() -> None:
    torch.manual_seed(0)
    net = AudioViTVQGAN(SMALL).eval()
    sounds = torch.randn(3, 1, 16, 32)
    codes = net.encode(sounds)
    assert torch.equal(codes, torch.cat([net.encode(sound[None]) for sound in sounds]))
    assert net.decode(codes).shape == sounds.shape


def test_patches_are_row_major_inside_and_out() -> None:
    pictures = torch.arange(2 * 4 * 6).view(1, 2, 4, 6)
    patches = patchify(pictures, (2, 3))
    assert patches.shape == (1, 4, 12)
    corner = pictures[0, :, 2:4, 0:3]  # the third patch, (C, 2, 3)
    assert torch.equal(patches[0, 2], corner.permute(1, 2, 0).reshape(-1))


def test_positions_follow_the_column_then_the_row() -> None:
    table = sincos_positions((2, 3), 8)
    assert table.shape == (6, 8)
    row, column = 1.0, 2.0  # the last cell
    expected = [
        wave(position * frequency)
        for position in (column, row)
        for wave in (math.sin, math.cos)
        for frequency in (1.0, 0.01)
    ]
    np.testing.assert_allclose(table[5].numpy(), expected, atol=1e-6)


def test_model_made_without_memory_works_once_it_has_weights(vqgan: AudioViTVQGAN) -> None:
    with torch.device("meta"):
        net = AudioViTVQGAN(CONFIG.audio_vqgan).eval()
    net.load_state_dict(vqgan.state_dict(), assign=True)
    sound = torch.randn(1, 1, 128, 256, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net.encode(sound), vqgan.encode(sound))


def test_encoding_keeps_no_gradients() -> None:
    net = AudioViTVQGAN(SMALL)
    tracked: list[bool] = []
    net.encoder.register_forward_hook(lambda *call: tracked.append(call[2].requires_grad))
    net.encode(torch.zeros(1, 1, 16, 32))
    assert tracked == [False]


@pytest.mark.parametrize("shape", [(1, 1, 32, 16), (1, 16, 32), (1, 2, 16, 32)])
def test_spectrogram_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 1, 16 mels, 32 frames\)"):
        AudioViTVQGAN(SMALL).encode(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(8,), (1, 7), (1, 4, 2)])
def test_wrong_number_of_codes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 8\): 4 time steps of 2"):
        AudioViTVQGAN(SMALL).decode(torch.zeros(shape, dtype=torch.long))


def test_code_outside_the_codebook_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 0\.\.49.*clipped"):
        AudioViTVQGAN(SMALL).decode(torch.full((1, 8), 50))


def test_size_that_is_no_multiple_of_the_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="16x36 is no multiple of patch_size 8x8"):
        AudioViTVQGAN(dataclasses.replace(SMALL, default_input_size=(16, 36)))
