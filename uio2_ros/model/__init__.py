"""The network: configuration, layers, encoders, transformer, checkpoints."""

from uio2_ros.model.config import ModelConfig
from uio2_ros.model.synthetic import synthetic_tensor
from uio2_ros.model.unified_io import Encoded, TargetLogits, UnifiedIO

__all__ = ["Encoded", "ModelConfig", "TargetLogits", "UnifiedIO", "synthetic_tensor"]
