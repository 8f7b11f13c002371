"""The sizes and constants of preprocessing; the one place that reads them from a model's config."""

from __future__ import annotations

from dataclasses import dataclass, field

from uio2_ros.model.families.unified_io_2.config import ModelConfig

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class PictureSettings:
    """How a picture becomes the patches of a ViT: a canvas of `size` (height, width) pixels."""

    size: tuple[int, int]
    patch_size: int
    samples: int
    """Patches kept; fewer than the grid has are drawn at random (training)."""
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD


@dataclass(frozen=True)
class SpectrogramSettings:
    """How sound becomes log-mel segments and their patches (model.md section 2)."""

    frames: int
    mels: int
    patch_size: int
    input_samples: int
    history_samples: int
    rate_hz: int = 16000
    segment_s: float = 4.08
    rest_tolerance_s: float = 0.1
    """A rest counts as a segment when it exceeds half a segment by more than this."""
    fft_samples: int = 1024
    hop_samples: int = 256
    max_hz: float = 8000.0
    floor: float = 1e-5
    ceiling: float = 1e5
    input_mean: float = -4.26
    input_std: float = 9.14
    target_mean: float = -5.0945
    target_std: float = 3.8312

    @property
    def segment_samples(self) -> int:
        return round(self.segment_s * self.rate_hz)

    def __post_init__(self) -> None:
        frames = 1 + self.segment_samples // self.hop_samples
        if frames != self.frames:
            raise ValueError(
                f"a segment of {self.segment_s} s gives {frames} spectrogram frames, but the "
                f"model's configuration has {self.frames}"
            )


@dataclass(frozen=True)
class VideoSettings:
    """Trimming of black bars."""

    black_below: int = 16
    """A row or column is black where every value of every frame is below this (of 255)."""
    max_trim: float = 0.3
    """The largest part of a side that is trimmed at either end."""


@dataclass(frozen=True)
class ProcessingConfig:
    """Everything `Processor` needs to know of a model."""

    image: PictureSettings
    image_history: PictureSettings
    image_target_size: tuple[int, int]
    audio: SpectrogramSettings
    history_frames: int
    """Frames of the image history and segments of the audio history, at most."""
    max_text_tokens: int
    max_target_tokens: int
    video: VideoSettings = field(default_factory=VideoSettings)

    @classmethod
    def from_model_config(cls, config: ModelConfig) -> ProcessingConfig:
        """The settings that fit a model; ValueError where its sizes contradict each other."""
        sizes, lengths = config.t5_config, config.sequence_length
        frames, mels = sizes.default_audio_vit_size
        for name in ("default_audio_size", "default_audio_history_vit_size"):
            if getattr(sizes, name) != (frames, mels):
                raise ValueError(f"{name} {getattr(sizes, name)} must be {(frames, mels)}")
        return cls(
            image=PictureSettings(
                sizes.default_image_vit_size,
                sizes.image_vit_patch_size,
                lengths.image_input_samples,
            ),
            image_history=PictureSettings(
                sizes.default_image_history_vit_size,
                sizes.image_vit_patch_size,
                lengths.image_history_input_samples,
            ),
            image_target_size=sizes.default_image_size,
            audio=SpectrogramSettings(
                frames,
                mels,
                sizes.audio_vit_patch_size,
                lengths.audio_input_samples,
                lengths.audio_history_input_samples,
            ),
            history_frames=lengths.num_frames,
            max_text_tokens=sizes.encoder_max_text_length,
            max_target_tokens=sizes.decoder_max_text_length,
        )
