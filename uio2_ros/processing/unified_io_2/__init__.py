"""Text, pictures, video and sound as Unified-IO 2 takes them (model.md sections 1 and 2)."""

from uio2_ros.processing.unified_io_2.processor import Processor
from uio2_ros.processing.unified_io_2.tokenizer import Tokenizer

__all__ = ["Processor", "Tokenizer"]
