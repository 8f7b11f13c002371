"""What the gate listens to: the emergency stop, the robot's description, and the camera."""

from __future__ import annotations

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool, String

from uio2_ros.control.gate.gate import MotionGate
from uio2_ros.control.gate.robot_description import RobotDescriptionError, read_urdf
from uio2_ros.messages.image_header import peek_header
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.received_pictures import PICTURE_TYPES, decode_picture
from uio2_ros.nodes.adopting_subscription import AdoptingSubscription
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.time import to_s

TOPICS = {"sensor_msgs/msg/Image": "image", "sensor_msgs/msg/CompressedImage": "image/compressed"}
ESTOP_DEPTH = 10


class GateInputs:
    """Subscriptions that tell the gate what it needs. The spinning thread.

    `estop` has two that stay: a reliable one, which loses nothing, and one that hears publishers
    that are best effort, too. One that followed its publishers' QoS would be deaf for a moment.
    """

    def __init__(self, node: Node, gate: MotionGate, *, has_description: bool) -> None:
        """has_description: the robot's is that of a file."""
        self._node = node
        self._gate = gate
        for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT):
            qos = QoSProfile(depth=ESTOP_DEPTH, reliability=reliability)
            node.create_subscription(Bool, "estop", self._on_estop, qos)
        types = PICTURE_TYPES if gate.scene.is_used else ()
        self._pictures = [self._listen(TOPICS[name], name) for name in types]
        if not has_description:
            node.create_subscription(String, "robot_description", self._on_description, LATCHED)

    def follow(self) -> None:
        """Looks for publishers with another QoS; call now and then."""
        for subscription in self._pictures:
            subscription.follow()

    def _listen(self, topic: str, type_name: str) -> AdoptingSubscription:
        pictures = AdoptingSubscription(
            self._node,
            topic,
            [type_name],
            self._on_picture,
            depth=1,
            group=MutuallyExclusiveCallbackGroup(),
            raw=True,
        )
        pictures.open()
        return pictures

    def _on_estop(self, message: Bool) -> None:
        self._gate.estop.hear(message.data)

    def _on_description(self, message: String) -> None:
        try:
            self._gate.robot = read_urdf(message.data)
        except RobotDescriptionError as error:
            self._node.get_logger().error(f"robot_description: {error}")

    def _on_picture(self, type_name: str, data: bytes) -> None:
        try:
            stamp_s = to_s(peek_header(data).stamp_ns)
            if self._gate.scene.is_due(stamp_s):
                self._gate.scene.keep(stamp_s, decode_picture(type_name, data))
        except InvalidInputError as error:
            self._node.get_logger().warning(f"a picture: {error}", throttle_duration_sec=10.0)
