"""Text, pictures, video and sound to model inputs, and picture geometry back."""

from uio2_ros.model.example import Batch, Example, PatchBatch, PatchInput
from uio2_ros.processing.batch import collate
from uio2_ros.processing.config import ProcessingConfig
from uio2_ros.processing.geometry import ImageInfo
from uio2_ros.processing.unified_io_2 import Processor, Tokenizer

__all__ = [
    "Batch",
    "Example",
    "ImageInfo",
    "PatchBatch",
    "PatchInput",
    "ProcessingConfig",
    "Processor",
    "Tokenizer",
    "collate",
]
