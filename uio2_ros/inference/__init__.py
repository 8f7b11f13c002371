"""Generation and scoring with a model: caches, sampling, batching."""

from uio2_ros.inference.defaults import (
    AUDIO_SAMPLING,
    DENSE_SAMPLING,
    IMAGE_SAMPLING,
    SEGMENTATION_SAMPLING,
    TEXT_SAMPLING,
)
from uio2_ros.inference.engine import Engine
from uio2_ros.inference.generation import EngineTimings, Generation
from uio2_ros.inference.sampling import LogitsProcessor, Sampling

__all__ = [
    "AUDIO_SAMPLING",
    "DENSE_SAMPLING",
    "IMAGE_SAMPLING",
    "SEGMENTATION_SAMPLING",
    "TEXT_SAMPLING",
    "Engine",
    "EngineTimings",
    "Generation",
    "LogitsProcessor",
    "Sampling",
]
