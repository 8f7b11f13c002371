"""Asking a running agent, and having its plans carried out, from Python. Needs rclpy."""

from uio2_ros.client.agent_client import (
    AgentClient,
    InstructSettings,
    RecallSettings,
    WatchSettings,
)
from uio2_ros.client.execution import BridgeClient, Execution
from uio2_ros.client.failures import (
    AgentError,
    AgentTimeoutError,
    AgentUnavailableError,
    ExecutionError,
)
from uio2_ros.client.pending_answer import PendingAnswer
from uio2_ros.messages.answers import AgentAnswer
from uio2_ros.robot.answer import Progress
from uio2_ros.robot.located import RememberedObject
from uio2_ros.robot.standing_instruction import Until

__all__ = [
    "AgentAnswer",
    "AgentClient",
    "AgentError",
    "AgentTimeoutError",
    "AgentUnavailableError",
    "BridgeClient",
    "Execution",
    "ExecutionError",
    "InstructSettings",
    "PendingAnswer",
    "Progress",
    "RecallSettings",
    "RememberedObject",
    "Until",
    "WatchSettings",
]
