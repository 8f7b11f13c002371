"""The network: configuration, layers, encoders, transformer, checkpoints."""

from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.unified_io import Encoded, TargetLogits, UnifiedIO
from uio2_ros.model.synthetic import synthetic_tensor

__all__ = ["Encoded", "ModelConfig", "TargetLogits", "UnifiedIO", "synthetic_tensor"]
