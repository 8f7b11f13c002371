"""What the agent says on topics: results, detections, plans, markers, the debug image."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from uio2_ros.msg import InstructionResult, KeypointArray, Plan
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from uio2_ros.nodes.answer_messages import image_message
from uio2_ros.nodes.debug_image import draw_answer
from uio2_ros.nodes.markers import marker_array
from uio2_ros.tasks.answer import Answer
from uio2_ros.tasks.instruction import CameraModel, Frame

DEPTH = 10
FIELD_TYPES: dict[str, type[Any]] = {
    "detections": Detection2DArray,
    "detections_3d": Detection3DArray,
    "keypoints": KeypointArray,
    "plan": Plan,
}
"""Fields of InstructionResult with a topic of the same name."""
PICTURE_ROLES = ("mask", "depth")
"""Roles of pictures with a topic of the same name."""


class AnswerPublishers:
    """The topics of an agent's answers. They speak while the node is active; any thread."""

    def __init__(self, node: LifecycleNodeMixin) -> None:
        def create(message_type: type[Any], topic: str, qos: QoSProfile | int = DEPTH) -> Any:
            return node.create_lifecycle_publisher(message_type, topic, qos)

        self._result = create(InstructionResult, "~/result")
        self._fields = {name: create(kind, name) for name, kind in FIELD_TYPES.items()}
        self._pictures = {role: create(Image, role) for role in PICTURE_ROLES}
        self._markers = create(MarkerArray, "markers")
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._debug_image = create(Image, "debug_image", latched)

    def publish(
        self,
        answer: Answer,
        message: InstructionResult,
        outputs: tuple[str, ...],
        camera: CameraModel | None,
    ) -> None:
        """The result, and the topics of the fields in `outputs`: those the task fills.

        A failed answer is a result only; the topics keep silent rather than say "nothing there".
        """
        self._result.publish(message)
        if answer.error_code:
            return
        for field, publisher in self._fields.items():
            if field in outputs:
                publisher.publish(getattr(message, field))
        for role, picture in zip(message.image_roles, message.images, strict=True):
            if role in self._pictures:
                self._pictures[role].publish(picture)
        self._markers.publish(marker_array(answer, message.header, camera))

    def publish_drawing(
        self, frame: Frame, instruction: str, answer: Answer, header: Header
    ) -> None:
        """The picture with the answer drawn into it."""
        drawing = draw_answer(frame.pixels, instruction, answer)
        self._debug_image.publish(image_message(drawing, header))
