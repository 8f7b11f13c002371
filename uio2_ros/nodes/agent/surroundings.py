"""Depth, frames and memory of an agent: its answers in space, and what it remembers of them.

Depth pictures are taken serialised and decoded when an answer needs one. An answer is lifted on a
thread of the instructions, before its reply; what it showed is remembered after the reply.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from uio2_ros.memory.crops import crops
from uio2_ros.memory.depth_history import DepthHistory, DepthPicture, WantedDepth
from uio2_ros.memory.lifting import Lifter, Plane
from uio2_ros.memory.transform_history import TransformError, TransformHistory
from uio2_ros.memory.world_memory import Searched, Survey, WorldMemory
from uio2_ros.messages.image_header import peek_header
from uio2_ros.messages.images import metres_of
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.serialised import deserialised
from uio2_ros.nodes.adopting_subscription import AdoptingSubscription
from uio2_ros.nodes.agent.memory_markers import memory_markers
from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.nodes.clock_jumps import on_jump_back
from uio2_ros.nodes.transforms import listen_to_transforms
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.frames import bare
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import Located, LocatedObject, RangeSource, RememberedObject
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks.task import Task

PLACES = frozenset(("detections", "detections_3d", "keypoints"))
"""Outputs of tasks that say where things are in the picture."""
TF_WAIT_S = 0.3
"""How long the transforms of a picture's moment are waited for: they come when it is answered."""

Metres = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sighting:
    """Where an answer's objects are, and the depth that says so; None without."""

    located: Located
    depth: Metres | None = None


class Surroundings:
    """`open` to `close` it listens. Methods for answers may be called by any thread."""

    def __init__(self, node: Node, settings: AgentSettings) -> None:
        self.settings = settings
        self.depths = DepthHistory(settings.depth.kept)
        self.frames = TransformHistory()
        self.memory = WorldMemory(settings.memory) if settings.memory.is_used else None
        self.listening = True
        """Set to False to drop depth that comes in."""
        self.depth_problem = ""
        """Why the newest depth asked for could not be used."""
        self.memory_problem = ""
        """Why the newest answer is not remembered."""
        self.offset_s = math.nan
        """From the newest picture asked about to its depth."""
        self._node = node
        self._jumps = on_jump_back(node, self._time_jumped)
        self.subscription = self._make_subscription() if settings.depth.enabled else None
        self._transforms: list[Any] = []
        self._is_over = False
        self._markers = node.create_publisher(MarkerArray, "~/memory_markers", LATCHED)

    def open(self) -> None:
        """Begins to listen."""
        if self.subscription is not None:
            self.subscription.open()
        if not self._transforms and (self.memory is not None or self.settings.depth.plane_frame):
            self._transforms = listen_to_transforms(
                self._node, self.frames.hear, MutuallyExclusiveCallbackGroup()
            )
        self._show()

    def close(self) -> None:
        """Stops listening; what is remembered stays."""
        if self.subscription is not None:
            self.subscription.close()
        for subscription in self._transforms:
            self._node.destroy_subscription(subscription)
        self._transforms.clear()

    def end(self) -> None:
        """Gives the memory's file back; the last thing to call."""
        self._jumps.unregister()
        self._is_over = True
        self._node.destroy_publisher(self._markers)
        if self.memory is not None:
            self.memory.close()

    def follow(self) -> None:
        """Adopts changes of the depth's publishers."""
        if self.subscription is not None:
            self.subscription.follow()

    # The thread that spins the node.

    def _make_subscription(self) -> AdoptingSubscription:
        return AdoptingSubscription(
            self._node,
            "aligned_depth",
            ["sensor_msgs/msg/Image"],
            self._take_depth,
            depth=self.settings.image_depth,
            group=MutuallyExclusiveCallbackGroup(),
            raw=True,
        )

    def _take_depth(self, _: str, serialised: bytes) -> None:
        if not self.listening:
            return
        try:
            header = peek_header(serialised)
        except InvalidInputError as problem:
            self.depth_problem = str(problem)
            return
        decode = functools.partial(_decode, serialised)
        self.depths.hear(DepthPicture(header.stamp_ns, header.frame_id, decode))

    def _time_jumped(self, _: object) -> None:
        self.depths.clear()
        if self.memory is not None:
            self.memory.clock_jumped()

    # An answer; any thread.

    def expect(self, observation: Observation) -> WantedDepth | None:
        """Keeps the depth that belongs to the picture asked about."""
        if observation.image is None or self.subscription is None:
            return None
        return self.depths.want(observation.image.stamp_ns)

    def locate(
        self, task: Task, answer: Answer, observation: Observation, wanted: WantedDepth | None
    ) -> tuple[Answer, Sighting | None]:
        """The answer with its 3D boxes where depth says they are, and all of it in space.

        None for tasks that place nothing in the picture.
        """
        picture = None if wanted is None else wanted.take()
        if answer.error_code or observation.image is None or not PLACES & {*task.outputs}:
            return answer, None
        camera = observation.camera
        if camera is None:
            problem = observation.camera_problem or (
                "nothing can be placed in space without the camera's intrinsics; publish "
                "camera_info with the picture"
            )
            return answer, Sighting(_unplaced(answer, ErrorCode.NO_CAMERA_INFO, problem))
        depth, fault = None, None
        if wanted is not None:
            self.offset_s = wanted.offset_s
            depth, fault = self._usable(picture, wanted, observation.image)
        plane, plane_fault = self._plane(observation.image)
        try:
            lifter = Lifter(camera, depth, plane)
        except InvalidInputError as error:
            fault = InstructionError(ErrorCode.INVALID_INPUT, str(error))
            depth, lifter = None, Lifter(camera, None, plane)
        fault = fault or plane_fault
        self.depth_problem = "" if fault is None else fault.message
        located = Located(
            objects=tuple(lifter.objects(answer)),
            points=tuple(lifter.points(answer)),
            depth_offset_s=math.nan if depth is None or wanted is None else wanted.offset_s,
            error_code=ErrorCode.NONE if fault is None else fault.code,
            error_msg="" if fault is None else fault.message,
        )
        return _corrected(answer, located), Sighting(located, depth)

    def remember(
        self, instruction: Instruction, observation: Observation, sighting: Sighting
    ) -> None:
        """Merges what an answer showed into the memory, if there is one."""
        frame, camera = observation.image, observation.camera
        if self.memory is None or frame is None or camera is None:
            return
        try:
            pose = self.frames.pose_of(
                frame.frame_id, self.settings.memory.frame, frame.stamp_ns, TF_WAIT_S
            )
        except TransformError as error:
            self.memory_problem = f"what was seen is not remembered: {error}"
            return
        objects = sighting.located.objects
        survey = Survey(
            stamp_ns=frame.stamp_ns,
            camera=camera,
            camera_pose=pose,
            objects=objects,
            searched=Searched.by(instruction, objects),
            depth=sighting.depth,
            pictures=crops(frame.pixels, objects, self.settings.memory.picture_pixels),
        )
        self.memory.merge(survey, self._now_ns())
        self.memory_problem = ""
        self._show()

    def recall(
        self, query: str, frame_id: str, max_age_s: float, most: int
    ) -> list[RememberedObject]:
        """What answers a question, the best match first, in a frame; "" is that of the memory.

        InstructionError INVALID_REQUEST without a memory; TF_ERROR for a frame that is not known
        now, and where nothing is found and the newest answer could not be remembered.
        """
        if self.memory is None:
            raise InstructionError(ErrorCode.INVALID_REQUEST, NO_MEMORY)
        now_ns = self._now_ns()
        found = self.memory.recall(query, now_ns, max_age_s=max_age_s, most=most)
        if not found and self.memory_problem:
            raise InstructionError(ErrorCode.TF_ERROR, self.memory_problem)
        own = self.settings.memory.frame
        if not found or not frame_id or bare(frame_id) == bare(own):
            return found
        try:
            pose = self.frames.pose_of(own, frame_id, None)
        except TransformError as error:
            raise InstructionError(ErrorCode.TF_ERROR, str(error)) from error
        return [replace(one, frame_id=frame_id, pose=pose.then(one.pose)) for one in found]

    def forget(self) -> int:
        """Forgets all objects; how many. InstructionError INVALID_REQUEST without a memory."""
        if self.memory is None:
            raise InstructionError(ErrorCode.INVALID_REQUEST, NO_MEMORY)
        count = self.memory.forget()
        self._show()
        return count

    def _usable(
        self, picture: DepthPicture | None, wanted: WantedDepth, frame: Frame
    ) -> tuple[Metres | None, InstructionError | None]:
        """The depth of a picture, or why there is none."""
        topic = "aligned_depth" if self.subscription is None else self.subscription.topic
        if picture is None:
            return None, InstructionError(
                ErrorCode.NO_INPUT,
                f"no depth has come on {topic}; start its source or remap the topic",
            )
        tolerance_s = self._node.get_parameter("depth.tolerance").value
        if abs(wanted.offset_s) > tolerance_s:
            return None, InstructionError(
                ErrorCode.STALE_INPUT,
                f"the depth on {topic} nearest to the picture is {wanted.offset_s:+.3f} s from it "
                f"and may be {tolerance_s:g} s (depth.tolerance)",
            )
        if frame.frame_id and picture.frame_id and bare(frame.frame_id) != bare(picture.frame_id):
            return None, InstructionError(
                ErrorCode.INVALID_INPUT,
                f"the depth on {topic} is in {picture.frame_id!r} and the picture in "
                f"{frame.frame_id!r}; give the topic of depth that is registered with the picture",
            )
        try:
            return picture.decode(), None
        except InvalidInputError as error:
            return None, InstructionError(ErrorCode.INVALID_INPUT, f"{topic}: {error}")

    def _plane(self, frame: Frame) -> tuple[Plane | None, InstructionError | None]:
        """What things stand on, in the picture's frame, or why it is not known."""
        name = self.settings.depth.plane_frame
        if not name:
            return None, None
        try:
            pose = self.frames.pose_of(name, frame.frame_id, frame.stamp_ns, TF_WAIT_S)
        except TransformError as error:
            return None, InstructionError(ErrorCode.TF_ERROR, str(error))
        return Plane.of_pose(pose), None

    def _show(self) -> None:
        """Everything remembered, as markers."""
        if self.memory is not None and not self._is_over:
            found = self.memory.recall("", self._now_ns())
            stamp = self._node.get_clock().now().to_msg()
            self._markers.publish(memory_markers(found, self.settings.memory.frame, stamp))

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)


NO_MEMORY = "this agent has no memory; give it a file with the parameter memory.file"


def _decode(serialised: bytes) -> Metres:
    from sensor_msgs.msg import Image

    return metres_of(deserialised(serialised, Image))


def _unplaced(answer: Answer, code: ErrorCode, problem: str) -> Located:
    objects = [LocatedObject(one.label, one.score, one.box) for one in answer.detections]
    return Located(tuple(objects), error_code=code, error_msg=problem)


def _corrected(answer: Answer, located: Located) -> Answer:
    """With the 3D boxes that were measured where they were measured."""
    if not answer.cuboids:
        return answer
    moved = [
        replace(cuboid, center=one.pose.position, size=one.size)
        if one.source is RangeSource.DEPTH
        else cuboid
        for cuboid, one in zip(answer.cuboids, located.objects, strict=True)
    ]
    return replace(answer, cuboids=tuple(moved))
