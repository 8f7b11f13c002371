"""`~/state`: what a node's robot does, in one word, latched, told when it changes."""

from __future__ import annotations

from rclpy.node import Node
from std_msgs.msg import Header

from uio2_ros.messages.qos import LATCHED
from uio2_ros.msg import AgentState
from uio2_ros.robot.activity import Activity


class StateTopic:
    """The publisher of a node. The thread that spins it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(AgentState, "~/state", LATCHED)
        self._told: tuple[Activity, str] | None = None

    def tell(self, activity: Activity, reason: str = "") -> bool:
        """Publishes what is new; whether it was."""
        if self._told == (activity, reason):
            return False
        self._told = activity, reason
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publisher.publish(AgentState(header=header, state=int(activity), reason=reason))
        return True
