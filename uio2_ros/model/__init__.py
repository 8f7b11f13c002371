"""The network: configuration, layers, encoders, transformer, checkpoints."""

from uio2_ros.model.config import ModelConfig

__all__ = ["ModelConfig"]
