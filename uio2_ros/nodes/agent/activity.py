"""What the robot does, as the agent tells it on `~/state` and as a marker: its own part of it, and
what the bridge says of motion. The thread that spins the node."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from visualization_msgs.msg import Marker

from uio2_ros.messages.qos import LATCHED
from uio2_ros.msg import AgentState
from uio2_ros.nodes.state_topic import StateTopic
from uio2_ros.robot.activity import Activity

BRIDGE_STATE = "bridge/state"
MARKER_HEIGHT_M = 1.0
LETTER_M = 0.08
COLOURS = {
    Activity.IDLE: (0.6, 0.65, 0.7),
    Activity.LISTENING: (0.2, 0.7, 0.65),
    Activity.THINKING: (0.45, 0.45, 0.95),
    Activity.MOVING: (1.0, 0.6, 0.1),
    Activity.STOPPED: (0.9, 0.2, 0.2),
    Activity.FAULT: (0.9, 0.2, 0.2),
}
Told = tuple[Activity, str]


class ActivityReport:
    """Tells what `own` says of the agent, unless the bridge has something that counts more."""

    def __init__(self, node: Node, own: Callable[[], Told]) -> None:
        self._node = node
        self._own = own
        self._motion: Told = (Activity.IDLE, "")
        self._topic = StateTopic(node)
        self._marker = node.create_publisher(Marker, "~/state_marker", LATCHED)
        node.create_subscription(AgentState, BRIDGE_STATE, self._on_motion, LATCHED)

    def refresh(self) -> None:
        """Looks whether there is a bridge, and tells what is new; to be called now and then."""
        if not self._node.count_publishers(BRIDGE_STATE):
            self._motion = (Activity.IDLE, "")
        self.tell()

    def tell(self) -> None:
        """Tells what is new: an instruction came or went."""
        activity, reason = merged(self._own(), self._motion)
        if self._topic.tell(activity, reason):
            self._marker.publish(self._marker_of(activity))

    def _on_motion(self, state: AgentState) -> None:
        self._motion = (Activity.of(state.state), state.reason)
        self.tell()

    def _marker_of(self, activity: Activity) -> Marker:
        marker = Marker(ns="state", type=Marker.TEXT_VIEW_FACING, text=activity.name.lower())
        marker.header.frame_id = "base_link"  # with stamp 0: wherever that is by then
        marker.pose.position.z = MARKER_HEIGHT_M
        marker.scale.z = LETTER_M
        marker.color.r, marker.color.g, marker.color.b = COLOURS[activity]
        marker.color.a = 1.0
        return marker


def merged(own: Told, motion: Told) -> Told:
    """What people near the robot should know first: that it moves, then what is wrong, then that
    it thinks, then that it was stopped."""
    activity = motion[0]
    if activity is Activity.MOVING or (activity is Activity.FAULT and own[0] is not Activity.FAULT):
        return motion
    if activity is Activity.STOPPED and own[0] in (Activity.IDLE, Activity.LISTENING):
        return motion
    return own
