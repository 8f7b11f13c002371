"""Generated spectrograms to waveforms: Griffin-Lim, or HiFi-GAN with weights of the user's.

Facts in model.md section 5; HiFi-GAN follows Kong et al. 2020. Imports torch, numpy, the
reading of checkpoints and the settings of `processing`.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.example import Floats
from uio2_ros.model.weights import check_state_dict, read_state_dict
from uio2_ros.processing.config import SpectrogramSettings
from uio2_ros.robot.errors import CheckpointError, InvalidInputError

LEAKY_SLOPE = 0.1
LAST_LEAKY_SLOPE = 0.01


class Vocoder(Protocol):
    """Whatever turns a normalised spectrogram into sound."""

    def waveform(self, spectrogram: Floats) -> Floats:
        """Mono samples in [-1, 1] at the model's rate of a normalised spectrogram (mels, frames).

        Raises InvalidInputError for a spectrogram of another shape or with values that are not
        finite.
        """


VocoderSource = Vocoder | str | os.PathLike[str]


def make_vocoder(
    source: VocoderSource | None, settings: SpectrogramSettings, device: torch.device
) -> Vocoder:
    """A vocoder as it is, HiFi-GAN by the file of its weights, Griffin-Lim for None."""
    if source is None:
        return GriffinLim(settings)
    if isinstance(source, (str, os.PathLike)):
        return HiFiGAN.from_file(source, settings, device=device)
    return source


def log_mel(spectrogram: Floats, settings: SpectrogramSettings) -> Floats:
    """Log-mel power (mels, frames) of a normalised spectrogram, within the range it was made in."""
    shape = np.shape(spectrogram)
    if shape != (settings.mels, settings.frames):
        raise InvalidInputError(
            f"a spectrogram to be heard must be ({settings.mels} mels, {settings.frames} frames), "
            f"got {shape}"
        )
    if not np.isfinite(spectrogram).all():
        raise InvalidInputError("the spectrogram holds NaN or infinite values; nothing to be heard")
    log_power = np.asarray(spectrogram, np.float32) * settings.target_std + settings.target_mean
    return log_power.clip(math.log(settings.floor), math.log(settings.ceiling))


@dataclass(frozen=True)
class GriffinLim:
    """Phases by iteration from a random start: needs no weights, same seed, same sound."""

    settings: SpectrogramSettings
    iterations: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"Griffin-Lim needs at least 1 iteration, got {self.iterations}")

    def waveform(self, spectrogram: Floats) -> Floats:
        """See Vocoder; (frames - 1) * hop samples."""
        import librosa  # takes a second, only where there is sound to make

        settings = self.settings
        magnitude = librosa.feature.inverse.mel_to_stft(
            np.exp(log_mel(spectrogram, settings)),
            sr=settings.rate_hz,
            n_fft=settings.fft_samples,
            fmin=0.0,
            fmax=settings.max_hz,
        )  # (fft / 2 + 1, frames)
        samples: Floats = librosa.griffinlim(
            magnitude,
            n_iter=self.iterations,
            hop_length=settings.hop_samples,
            n_fft=settings.fft_samples,
            window=np.hanning(settings.fft_samples),
            pad_mode="reflect",
            random_state=self.seed,
        )
        return samples.clip(-1.0, 1.0)


@dataclass(frozen=True)
class HiFiGANConfig:
    """Sizes of a HiFi-GAN generator (resblocks of version 2), by default that of Unified-IO 2."""

    channels: int = 256
    upsample_rates: tuple[int, ...] = (8, 8, 4)
    upsample_kernels: tuple[int, ...] = (16, 16, 8)
    resblock_kernels: tuple[int, ...] = (3, 5, 7)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 2), (2, 6), (3, 12))

    def __post_init__(self) -> None:
        if len(self.upsample_rates) != len(self.upsample_kernels):
            raise ValueError("HiFi-GAN: upsample_rates and upsample_kernels differ in length")
        if len(self.resblock_kernels) != len(self.resblock_dilations):
            raise ValueError("HiFi-GAN: resblock_kernels and resblock_dilations differ in length")
        for rate, kernel in zip(self.upsample_rates, self.upsample_kernels, strict=True):
            if kernel < rate or (kernel - rate) % 2:
                raise ValueError(
                    f"HiFi-GAN: upsampling kernel {kernel} must be rate {rate} plus 0, 2, 4, .."
                )
        if any(kernel % 2 == 0 for kernel in self.resblock_kernels):
            raise ValueError(f"HiFi-GAN: resblock_kernels {self.resblock_kernels} must be odd")
        if self.channels % 2 ** len(self.upsample_rates):
            raise ValueError(
                f"HiFi-GAN: {self.channels} channels cannot be halved "
                f"{len(self.upsample_rates)} times"
            )


class HiFiGAN(nn.Module):
    """The generator of HiFi-GAN, weight normalisation fused; a Vocoder.

    Parameters have the names of the public code, so that its checkpoints load.
    """

    def __init__(self, settings: SpectrogramSettings, config: HiFiGANConfig | None = None) -> None:
        super().__init__()
        config = config or HiFiGANConfig()
        if math.prod(config.upsample_rates) != settings.hop_samples:
            raise ValueError(
                f"HiFi-GAN: upsampling by {math.prod(config.upsample_rates)} does not make the "
                f"{settings.hop_samples} samples of a spectrogram frame"
            )
        self.settings = settings
        widths = [config.channels >> i for i in range(len(config.upsample_rates) + 1)]
        self.conv_pre = nn.Conv1d(settings.mels, config.channels, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(widths[i], widths[i + 1], kernel, rate, padding=(kernel - rate) // 2)
            for i, (rate, kernel) in enumerate(
                zip(config.upsample_rates, config.upsample_kernels, strict=True)
            )
        )
        self.resblocks = nn.ModuleList(
            DilatedResBlock(width, kernel, dilations)
            for width in widths[1:]
            for kernel, dilations in zip(
                config.resblock_kernels, config.resblock_dilations, strict=True
            )
        )
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        settings: SpectrogramSettings,
        config: HiFiGANConfig | None = None,
        device: str | torch.device = "cpu",
    ) -> HiFiGAN:
        """The generator of a checkpoint: a torch file of the public code, or safetensors.

        Raises FileNotFoundError, and CheckpointError for a file that is neither or whose tensors
        are not those of `config`; the message lists them.
        """
        generator = cls(settings, config)
        tensors = fuse_weight_norm(read_generator(Path(path).expanduser()))
        shapes = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
        try:
            check_state_dict(tensors, shapes)
        except CheckpointError as error:
            raise CheckpointError(
                f"{os.fspath(path)} is no HiFi-GAN of this size: {error}"
            ) from error
        generator.load_state_dict(tensors)
        return generator.to(device).eval().requires_grad_(False)

    def forward(self, log_mels: Tensor) -> Tensor:
        """Samples (B, T * hop) in [-1, 1] of log-mel power (B, mels, T)."""
        x = self.conv_pre(log_mels)  # (B, C, T)
        per_stage = len(self.resblocks) // len(self.ups)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, LEAKY_SLOPE))  # (B, C / 2, T * rate)
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        x = self.conv_post(F.leaky_relu(x, LAST_LEAKY_SLOPE))  # (B, 1, T * hop)
        return torch.tanh(x).squeeze(1)

    @torch.inference_mode()
    def waveform(self, spectrogram: Floats) -> Floats:
        """See Vocoder; frames * hop samples."""
        log_mels = torch.from_numpy(log_mel(spectrogram, self.settings))[None]
        samples: Floats = self(log_mels.to(self.conv_pre.weight.device))[0].cpu().numpy()
        return samples


class DilatedResBlock(nn.Module):
    """Dilated convolutions, each beside an identity."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, kernel, dilation=d, padding=d * (kernel - 1) // 2)
            for d in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, LEAKY_SLOPE))
        return x


def read_generator(path: Path) -> dict[str, Tensor]:
    """The generator's tensors in a checkpoint file; CheckpointError where it has none.

    Torch files hold {"generator": tensors} or the tensors alone and are read without running code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no HiFi-GAN checkpoint {path}")
    if path.suffix == ".safetensors":
        return read_state_dict([path])
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path} is not a torch checkpoint of tensors alone: {error}"
        ) from error
    tensors = content.get("generator", content) if isinstance(content, Mapping) else content
    if not isinstance(tensors, Mapping) or not all(
        isinstance(tensor, Tensor) for tensor in tensors.values()
    ):
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content)
        raise CheckpointError(
            f"{path} holds {found}; expected 'generator' with its tensors, or the tensors alone "
            "(a g_... file of HiFi-GAN, not its do_... file)"
        )
    return dict(tensors)


def fuse_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each pair `weight_g` (gain), `weight_v` (direction) as one `weight`, the rest unchanged."""
    fused = dict(tensors)
    for name in [name for name in tensors if name.endswith("weight_v")]:
        stem = name.removesuffix("_v")
        if f"{stem}_g" not in tensors:
            continue
        direction, gain = fused.pop(name), fused.pop(f"{stem}_g")
        if gain.shape != (direction.shape[0], *[1] * (direction.ndim - 1)):
            raise CheckpointError(
                f"{stem}_g has shape {tuple(gain.shape)}, expected one gain for each of the "
                f"{direction.shape[0]} first entries of {name}"
            )
        norm = direction.flatten(1).norm(dim=1).view(gain.shape)
        fused[stem] = direction * (gain / norm)
    return fused
