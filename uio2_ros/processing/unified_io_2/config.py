"""Preprocessing for a Unified-IO 2 model: the one place that reads its sizes from the model's."""

from __future__ import annotations

from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing.config import PictureSettings, ProcessingConfig, SpectrogramSettings


def processing_config(config: ModelConfig) -> ProcessingConfig:
    """The settings that fit a model; ValueError where its sizes contradict each other."""
    sizes, lengths = config.t5_config, config.sequence_length
    frames, mels = sizes.default_audio_vit_size
    for name in ("default_audio_size", "default_audio_history_vit_size"):
        if getattr(sizes, name) != (frames, mels):
            raise ValueError(f"{name} {getattr(sizes, name)} must be {(frames, mels)}")
    return ProcessingConfig(
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
