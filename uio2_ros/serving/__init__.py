"""Asking a model, in this process or in one of its own. Importing it needs no torch and no ROS."""

from uio2_ros.serving.answerer import Answerer, OnProgress
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.in_process import InProcess
from uio2_ros.serving.model_process import ModelProcess
from uio2_ros.serving.pool import ModelPool
from uio2_ros.serving.settings import ServingSettings
from uio2_ros.serving.spec import ModelSpec, default_threads
from uio2_ros.serving.status import ModelDescription, ModelState, ModelStatus

__all__ = [
    "Answerer",
    "InProcess",
    "ModelDescription",
    "ModelPool",
    "ModelProcess",
    "ModelSpec",
    "ModelState",
    "ModelStatus",
    "OnProgress",
    "ServingSettings",
    "SharedArena",
    "default_threads",
]
