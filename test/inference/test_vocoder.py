"""Vocoders: their sound has the spectrogram they were given; weights that do not fit say so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from uio2_ros.inference import vocoder
from uio2_ros.inference.vocoder import GriffinLim, HiFiGAN, HiFiGANConfig, fuse_weight_norm
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing.audio import cut_segments, mel_spectrogram, read_sound, segment_target
from uio2_ros.processing.unified_io_2.config import processing_config
from uio2_ros.robot.errors import CheckpointError, InvalidInputError

SPEECH = Path(vocoder.__file__).parents[1] / "assets" / "demo.wav"
SETTINGS = processing_config(ModelConfig.load("tiny")).audio
CONFIG = HiFiGANConfig(channels=16)
Tensors = dict[str, Tensor]


def normalised(samples: np.ndarray) -> np.ndarray:
    """The spectrogram (128, 256) of samples as the model generates it."""
    mel = mel_spectrogram(cut_segments(samples, SETTINGS), SETTINGS)[0]
    return segment_target(mel, SETTINGS)[0].T


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    samples = read_sound(SPEECH, None, SETTINGS)
    noise = np.random.default_rng(0).standard_normal(samples.size)  # digital silence has no log
    return normalised(samples + 1e-4 * noise.astype(np.float32))


@pytest.fixture
def weight_normed() -> Tensors:
    """Made weights in the layout of the public code, as training leaves them."""
    generator = torch.Generator().manual_seed(0)
    tensors: Tensors = {}
    for name, tensor in HiFiGAN(SETTINGS, CONFIG).state_dict().items():
        values = torch.randn(tensor.shape, generator=generator)
        if name.endswith(".bias"):
            tensors[name] = 0.1 * values
        else:
            gains = torch.rand((len(tensor), *[1] * (tensor.ndim - 1)), generator=generator)
            tensors |= {f"{name}_g": 0.5 + gains, f"{name}_v": values}
    return tensors


def save_torch(tensors: Tensors, folder: Path) -> Path:
    path = folder / "g_00930000"
    torch.save({"generator": tensors}, path)
    return path


# ---- Griffin-Lim ----


def test_speech_survives_the_round_trip_through_griffin_lim(speech: np.ndarray) -> None:
    samples = GriffinLim(SETTINGS).waveform(speech)
    assert samples.shape == (SETTINGS.segment_samples,)
    assert samples.dtype == np.float32
    heard = normalised(samples)
    assert np.corrcoef(heard.ravel(), speech.ravel())[0, 1] > 0.98
    assert np.abs(heard - speech).mean() < 0.1  # of a standard deviation of log power


def test_griffin_lim_sounds_the_same_for_the_same_seed_only(speech: np.ndarray) -> None:
    first, again, other = (
        GriffinLim(SETTINGS, iterations=2, seed=seed).waveform(speech) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_iterations_come_nearer_to_the_spectrogram(speech: np.ndarray) -> None:
    few, many = (
        np.abs(normalised(GriffinLim(SETTINGS, iterations=n).waveform(speech)) - speech).mean()
        for n in (1, 32)
    )
    assert many < few


def test_impossibly_loud_spectrogram_stays_in_the_range_of_samples() -> None:
    samples = GriffinLim(SETTINGS, iterations=1).waveform(np.full((128, 256), 50, np.float32))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1


def test_griffin_lim_needs_an_iteration() -> None:
    with pytest.raises(ValueError, match="at least 1 iteration, got 0"):
        GriffinLim(SETTINGS, iterations=0)


# ---- HiFi-GAN ----


def weight_normed_sound(tensors: Tensors, log_mels: Tensor) -> Tensor:
    """HiFi-GAN of CONFIG on (1, mels, T), layer by layer with weight norm in place."""

    def weight(name: str) -> Tensor:
        return torch._weight_norm(tensors[f"{name}.weight_v"], tensors[f"{name}.weight_g"], 0)

    x = F.conv1d(log_mels, weight("conv_pre"), tensors["conv_pre.bias"], padding=3)
    for stage, (rate, kernel) in enumerate(
        zip(CONFIG.upsample_rates, CONFIG.upsample_kernels, strict=True)
    ):
        name = f"ups.{stage}"
        x = F.conv_transpose1d(
            F.leaky_relu(x, 0.1), weight(name), tensors[f"{name}.bias"], rate, (kernel - rate) // 2
        )
        outputs = []
        for block, (size, dilations) in enumerate(
            zip(CONFIG.resblock_kernels, CONFIG.resblock_dilations, strict=True), 3 * stage
        ):
            y = x
            for i, d in enumerate(dilations):
                name = f"resblocks.{block}.convs.{i}"
                bias, padding = tensors[f"{name}.bias"], (size * d - d) // 2
                y = y + F.conv1d(F.leaky_relu(y, 0.1), weight(name), bias, 1, padding, d)
            outputs.append(y)
        x = (outputs[0] + outputs[1] + outputs[2]) / 3
    x = F.conv1d(F.leaky_relu(x, 0.01), weight("conv_post"), tensors["conv_post.bias"], padding=3)
    return torch.tanh(x)[0, 0]


def test_hifigan_is_what_its_weight_normed_layers_compute(
    weight_normed: Tensors, speech: np.ndarray, tmp_path: Path
) -> None:
    generator = HiFiGAN.from_file(save_torch(weight_normed, tmp_path), SETTINGS, CONFIG)
    samples = generator.waveform(speech)
    assert samples.shape == (256 * SETTINGS.hop_samples,)
    assert samples.dtype == np.float32
    log_mels = torch.from_numpy(speech * np.float32(3.8312) - np.float32(5.0945))[None]
    expected = weight_normed_sound(weight_normed, log_mels)
    assert expected.std() > 0.1
    np.testing.assert_allclose(samples, expected.numpy(), atol=1e-4)


def test_torch_and_safetensors_and_fused_files_sound_the_same(
    weight_normed: Tensors, speech: np.ndarray, tmp_path: Path
) -> None:
    fused = fuse_weight_norm(weight_normed)
    assert not any(name.endswith(("_g", "_v")) for name in fused)
    save_file(weight_normed, tmp_path / "normed.safetensors")
    save_file(fused, tmp_path / "fused.safetensors")
    torch.save(fused, tmp_path / "bare.pt")
    paths = [save_torch(weight_normed, tmp_path)]
    paths += [tmp_path / name for name in ("normed.safetensors", "fused.safetensors", "bare.pt")]
    first, *others = (HiFiGAN.from_file(p, SETTINGS, CONFIG).waveform(speech) for p in paths)
    assert all(np.array_equal(first, other) for other in others)


def test_default_sizes_are_those_of_the_released_vocoder() -> None:
    shapes = {n: tuple(t.shape) for n, t in HiFiGAN(SETTINGS).state_dict().items()}
    assert shapes["conv_pre.weight"] == (256, 128, 7)
    assert shapes["ups.2.weight"] == (64, 32, 8)
    assert shapes["resblocks.8.convs.1.weight"] == (32, 32, 7)
    assert shapes["conv_post.weight"] == (1, 32, 7)
    assert len(shapes) == 2 * (1 + 3 + 9 * 2 + 1)


def test_missing_tensor_is_named(weight_normed: Tensors, tmp_path: Path) -> None:
    del weight_normed["ups.1.bias"]
    with pytest.raises(CheckpointError, match=r"g_00930000.*missing: ups\.1\.bias"):
        HiFiGAN.from_file(save_torch(weight_normed, tmp_path), SETTINGS, CONFIG)


def test_gain_without_its_direction_is_named(weight_normed: Tensors, tmp_path: Path) -> None:
    del weight_normed["conv_pre.weight_v"]
    with pytest.raises(CheckpointError, match=r"unknown: conv_pre\.weight_g"):
        HiFiGAN.from_file(save_torch(weight_normed, tmp_path), SETTINGS, CONFIG)


def test_resblocks_of_version_1_are_unknown_tensors(weight_normed: Tensors, tmp_path: Path) -> None:
    weight_normed["resblocks.0.convs1.0.bias"] = torch.zeros(8)
    with pytest.raises(CheckpointError, match=r"unknown: resblocks\.0\.convs1\.0\.bias"):
        HiFiGAN.from_file(save_torch(weight_normed, tmp_path), SETTINGS, CONFIG)


def test_generator_of_another_size_is_refused(weight_normed: Tensors, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"conv_pre\.bias \(16,\) instead of \(256,\)"):
        HiFiGAN.from_file(save_torch(weight_normed, tmp_path), SETTINGS)


def test_gains_that_do_not_fit_their_directions_are_refused(weight_normed: Tensors) -> None:
    weight_normed["conv_post.weight_g"] = torch.ones(1, 8, 1)
    with pytest.raises(CheckpointError, match=r"conv_post\.weight_g has shape \(1, 8, 1\)"):
        fuse_weight_norm(weight_normed)


def test_discriminator_file_is_refused(weight_normed: Tensors, tmp_path: Path) -> None:
    path = tmp_path / "do_00930000"
    torch.save({"mpd": weight_normed, "msd": weight_normed, "steps": 1}, path)
    with pytest.raises(CheckpointError, match="holds mpd, msd, steps; expected 'generator'"):
        HiFiGAN.from_file(path, SETTINGS, CONFIG)


@pytest.mark.parametrize("name", ["g_0", "g_0.safetensors"])
@pytest.mark.parametrize("content", [b"", b"neither of the formats", b"PK\x03\x04 cut off"])
def test_file_that_is_no_checkpoint_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=str(path)):
        HiFiGAN.from_file(path, SETTINGS, CONFIG)


def test_truncated_checkpoint_is_refused(weight_normed: Tensors, tmp_path: Path) -> None:
    path = save_torch(weight_normed, tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=str(path)):
        HiFiGAN.from_file(path, SETTINGS, CONFIG)


class Intruder:
    """Runs code when unpickled carelessly."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return RuntimeWarning, ("executed",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "g_0"
    torch.save({"generator": {"conv_pre.weight_g": Intruder()}}, path)
    with pytest.raises(CheckpointError, match="not a torch checkpoint of tensors alone"):
        HiFiGAN.from_file(path, SETTINGS, CONFIG)


def test_absent_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no HiFi-GAN checkpoint .*g_1"):
        HiFiGAN.from_file(tmp_path / "g_1", SETTINGS, CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"upsample_rates": (8, 8)}, "upsample_rates and upsample_kernels differ"),
        ({"resblock_kernels": (3, 5)}, "resblock_kernels and resblock_dilations differ"),
        ({"upsample_kernels": (16, 16, 7)}, "kernel 7 must be rate 4 plus"),
        ({"upsample_kernels": (16, 6, 8)}, "kernel 6 must be rate 8 plus"),
        ({"resblock_kernels": (3, 4, 7)}, "must be odd"),
        ({"channels": 12}, "12 channels cannot be halved 3 times"),
    ],
)
def test_contradicting_sizes_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change)  # type: ignore[arg-type]


def test_upsampling_must_make_one_frame_of_samples() -> None:
    rates = dataclasses.replace(CONFIG, upsample_rates=(8, 8, 2))
    with pytest.raises(ValueError, match="upsampling by 128 does not make the 256 samples"):
        HiFiGAN(SETTINGS, rates)


# ---- both ----


@pytest.mark.parametrize("vocoder", [GriffinLim(SETTINGS), HiFiGAN(SETTINGS, CONFIG)])
def test_spectrogram_that_is_none_is_refused(vocoder: vocoder.Vocoder) -> None:
    with pytest.raises(InvalidInputError, match=r"\(128 mels, 256 frames\), got \(256, 128\)"):
        vocoder.waveform(np.zeros((256, 128), np.float32))
    with pytest.raises(InvalidInputError, match="NaN or infinite"):
        vocoder.waveform(np.full((128, 256), np.nan, np.float32))
