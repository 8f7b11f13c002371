"""The network: configuration, layers, encoders, transformer, checkpoints.

Configurations and bundles are read without torch, which is imported with the first other name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uio2_ros.model.bundle import Bundle, Camera, TrainedFor
from uio2_ros.model.families.unified_io_2.config import ModelConfig

if TYPE_CHECKING:
    from uio2_ros.model.families.unified_io_2.unified_io import Encoded, TargetLogits, UnifiedIO
    from uio2_ros.model.synthetic import synthetic_tensor

_WITH_TORCH = {
    "Encoded": "uio2_ros.model.families.unified_io_2.unified_io",
    "TargetLogits": "uio2_ros.model.families.unified_io_2.unified_io",
    "UnifiedIO": "uio2_ros.model.families.unified_io_2.unified_io",
    "synthetic_tensor": "uio2_ros.model.synthetic",
}

__all__ = [
    "Bundle",
    "Camera",
    "Encoded",
    "ModelConfig",
    "TargetLogits",
    "TrainedFor",
    "UnifiedIO",
    "synthetic_tensor",
]


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WITH_TORCH[name]), name)
