"""The sizes and constants of preprocessing."""

from __future__ import annotations

from dataclasses import dataclass, field

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
