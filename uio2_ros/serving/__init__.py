"""The model in a process of its own. The half imported here needs neither torch nor rclpy."""

from uio2_ros.serving.answerer import Answerer, OnProgress, PendingAnswer
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.model_process import ModelProcess
from uio2_ros.serving.settings import ServingSettings
from uio2_ros.serving.spec import ModelSpec, default_threads
from uio2_ros.serving.status import ModelDescription, ModelState, ModelStatus
from uio2_ros.serving.ticket import Ticket

__all__ = [
    "Answerer",
    "ModelDescription",
    "ModelProcess",
    "ModelSpec",
    "ModelState",
    "ModelStatus",
    "OnProgress",
    "PendingAnswer",
    "ServingSettings",
    "SharedArena",
    "Ticket",
    "default_threads",
]
