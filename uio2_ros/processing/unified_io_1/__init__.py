"""Text and pictures as Unified-IO 1 takes them; facts: arXiv 2206.08916 and its code."""

from uio2_ros.processing.unified_io_1.processor import UnifiedIO1Processor
from uio2_ros.processing.unified_io_1.tokenizer import T5Tokenizer

__all__ = ["T5Tokenizer", "UnifiedIO1Processor"]
