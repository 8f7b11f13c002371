"""What the agent says on topics: results, detections, plans, pictures, markers, frames."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from uio2_ros.messages.asked import asked_message
from uio2_ros.messages.camera_info import camera_info_message
from uio2_ros.messages.located import located_detections
from uio2_ros.messages.message_types import find_type
from uio2_ros.messages.pictures import depth_message, image_message, label_image, label_info
from uio2_ros.messages.qos import LATCHED
from uio2_ros.msg import (
    Asked,
    AudioChunk,
    InstructionResult,
    KeypointArray,
    LocatedObjectArray,
    Plan,
)
from uio2_ros.nodes.agent.answer_frames import answer_frames
from uio2_ros.nodes.agent.debug_image import draw_answer
from uio2_ros.nodes.agent.markers import marker_array
from uio2_ros.robot.action_space import ActionSpace, ActionSpaceError, load_action_spaces
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.observation import Frame, Observation

DEPTH = 10
FRAMES_DEPTH = 100
"""The usual depth of /tf."""
FIELD_TYPES: dict[str, type[Any]] = {
    "detections": Detection2DArray,
    "detections_3d": Detection3DArray,
    "keypoints": KeypointArray,
    "plan": Plan,
}
"""Fields of InstructionResult with a topic of their own."""
PLAN_TOPIC = "~/plan"
"""`plan` is where nav2 tells its paths; the parameter plan_topic says otherwise."""
FIELD_TOPICS = {name: PLAN_TOPIC if name == "plan" else name for name in FIELD_TYPES}
PICTURE_TOPICS = {"depth": "depth", "normals": "normals", "generated": "generated_image"}
"""Roles of pictures and their topics; masks are one image of labels."""
TOPICS: dict[str, tuple[type[Any], QoSProfile | int]] = {
    "~/result": (InstructionResult, DEPTH),
    "~/asked": (Asked, DEPTH),
    **{FIELD_TOPICS[name]: (kind, DEPTH) for name, kind in FIELD_TYPES.items()},
    **{topic: (Image, DEPTH) for topic in PICTURE_TOPICS.values()},
    "depth/camera_info": (CameraInfo, DEPTH),
    "located": (LocatedObjectArray, DEPTH),
    "mask": (Image, DEPTH),
    "mask_info": (LabelInfo, LATCHED),
    "generated_audio": (AudioChunk, DEPTH),
    "markers": (MarkerArray, LATCHED),
    "debug_image": (Image, LATCHED),
    "/tf": (TFMessage, FRAMES_DEPTH),
}
"""Every topic of answers, but for the one below."""
ANNOTATIONS, ANNOTATIONS_TYPE = "image_annotations", "foxglove_msgs/msg/ImageAnnotations"
"""Where that type is installed."""


class AnswerPublishers:
    """The topics of an agent's answers. They speak while the node is active; any thread."""

    def __init__(self, node: LifecycleNodeMixin) -> None:
        """The node has the parameters action_spaces, publish_tf, tf_prefix, depth_millimetres and
        plan_topic.
        """
        self._node = node
        annotations = find_type(ANNOTATIONS_TYPE)
        own = {} if annotations is None else {ANNOTATIONS: (annotations, LATCHED)}
        self._topics = {
            topic: node.create_lifecycle_publisher(kind, self._chosen(topic), qos)
            for topic, (kind, qos) in {**TOPICS, **own}.items()
        }
        self._spaces_of_folder = functools.lru_cache(maxsize=1)(self._read_spaces)

    def publish_result(self, message: InstructionResult) -> None:
        """The result alone: nothing of what the camera sees."""
        self._say("~/result", message)

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
        self.publish_result(message)
        if answer.error_code:
            return
        for field, topic in FIELD_TOPICS.items():
            if field in outputs:
                self._say(topic, getattr(message, field))
        if message.located.header != Header():
            self._publish_located(message.located, outputs)
        self._publish_pictures(answer, message, camera)
        for sound in message.audio:
            self._say("generated_audio", sound)
        space = self._space(answer)
        self._say("markers", marker_array(answer, message.header, camera, space))
        if ANNOTATIONS in self._topics:
            from uio2_ros.nodes.agent.annotations import image_annotations

            self._say(ANNOTATIONS, image_annotations(answer, message.header, camera))
        if self._parameter("publish_tf"):
            frames = answer_frames(answer, message.header, self._parameter("tf_prefix"))
            if frames:
                self._say("/tf", TFMessage(transforms=frames))

    def publish_asked(
        self, request: Any, observation: Observation, message: InstructionResult
    ) -> None:
        """What was asked about what, for those who record it; nothing where nobody listens."""
        if self._topics["~/asked"].get_subscription_count():
            self._say("~/asked", asked_message(request, observation, message))

    def _publish_located(self, located: LocatedObjectArray, outputs: tuple[str, ...]) -> None:
        """Boxes in space are on detections_3d, too, where the task itself gives none there."""
        self._say("located", located)
        if "detections_3d" not in outputs:
            self._say("detections_3d", located_detections(located))

    def _publish_pictures(
        self, answer: Answer, message: InstructionResult, camera: CameraModel | None
    ) -> None:
        for picture, image in zip(answer.pictures, message.images, strict=True):
            if picture.role == "depth":
                if camera is not None and (camera.height, camera.width) == picture.pixels.shape:
                    self._say("depth/camera_info", camera_info_message(camera, message.header))
                if self._parameter("depth_millimetres"):
                    image = depth_message(picture.pixels, message.header, millimetres=True)
            if picture.role in PICTURE_TOPICS:
                self._say(PICTURE_TOPICS[picture.role], image)
        masks = [picture for picture in answer.pictures if picture.role == "mask"]
        if masks:
            self._say("mask_info", label_info(masks, message.header))
            self._say("mask", image_message(label_image(masks), message.header))

    def publish_drawing(
        self,
        frame: Frame,
        instruction: str,
        answer: Answer,
        header: Header,
        camera: CameraModel | None = None,
    ) -> None:
        """The picture with the answer drawn into it."""
        drawing = draw_answer(frame.pixels, instruction, answer, camera, self._space(answer))
        self._say("debug_image", image_message(drawing, header))

    def _space(self, answer: Answer) -> ActionSpace | None:
        """The action space of the answer's plan; None without a plan and for an unknown space."""
        if answer.plan is None:
            return None
        spaces = self._spaces_of_folder(self._parameter("action_spaces"))
        return spaces.get(answer.plan.action_space)

    def _read_spaces(self, folder: str) -> Mapping[str, ActionSpace]:
        try:
            return load_action_spaces(folder or None)
        except ActionSpaceError as error:
            self._node.get_logger().error(f"paths of plans are not shown: {error}")
            return {}

    def _chosen(self, topic: str) -> str:
        return str(self._parameter("plan_topic")) if topic == PLAN_TOPIC else topic

    def _say(self, topic: str, message: Any) -> None:
        self._topics[topic].publish(message)

    def _parameter(self, name: str) -> Any:
        return self._node.get_parameter(name).value
