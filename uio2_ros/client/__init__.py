"""Asking a running agent from Python. Needs rclpy."""

from uio2_ros.client.agent_answer import AgentAnswer
from uio2_ros.client.agent_client import AgentClient
from uio2_ros.client.failures import AgentError, AgentTimeoutError, AgentUnavailableError
from uio2_ros.client.pending_answer import PendingAnswer, Progress
from uio2_ros.client.queries import Query

__all__ = [
    "AgentAnswer",
    "AgentClient",
    "AgentError",
    "AgentTimeoutError",
    "AgentUnavailableError",
    "PendingAnswer",
    "Progress",
    "Query",
]
