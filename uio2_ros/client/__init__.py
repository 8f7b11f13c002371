"""Asking a running agent from Python. Needs rclpy."""

from uio2_ros.client.agent_client import AgentClient, AgentUnavailableError, PendingAnswer, Progress

__all__ = ["AgentClient", "AgentUnavailableError", "PendingAnswer", "Progress"]
