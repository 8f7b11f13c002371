"""What the agent observes: its subscriptions, its histories, and an instruction's moment.

The picture callback looks at the message's header only; pixels are deserialised and converted when
an instruction or the history needs them. On two cores a picture of 640 x 480 that is not due
costs 0.07 ms, one that is due 1 ms.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage

from uio2_ros.history import AudioHistory, FrameHistory, FrameSnapshot, Offer, PixelMemory
from uio2_ros.history.move_history import MoveHistory, Position
from uio2_ros.messages.camera_info import camera_of, shows_rectified
from uio2_ros.messages.compressed import compressed_to_rgb
from uio2_ros.messages.image_header import peek_header
from uio2_ros.messages.message_types import find_type
from uio2_ros.messages.received_pictures import decode_picture
from uio2_ros.messages.sound_reader import INFO_TYPE, SOUND_TYPES, SoundReader, info_topic_of
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.nodes.adopting_subscription import AdoptingSubscription
from uio2_ros.nodes.agent.parameters import SPARE_PICTURES, AgentSettings
from uio2_ros.nodes.clock_jumps import JUMP_S, on_jump_back
from uio2_ros.nodes.diagnostics import Stopwatch
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import ActionKind
from uio2_ros.robot.time import to_ns, to_s
from uio2_ros.tasks.task import Task, Use

SOUND_DEPTH = 20
"""Sound messages the middleware keeps: a second of short ones."""


@dataclass(frozen=True)
class PinnedObservation:
    """What an instruction is about. `snapshot` pins the pictures until it is released."""

    observation: Observation
    snapshot: FrameSnapshot
    position: Position | None = None
    """Where the robot was; None where nobody told, or nobody asks."""


class Observations:
    """Pictures, sound and the camera's intrinsics. `open` to `close` they are listened to."""

    def __init__(
        self,
        node: Node,
        settings: AgentSettings,
        memory: PixelMemory,
        on_picture: Callable[[], None],
        on_sound: Callable[[], None],
    ) -> None:
        """`memory` holds the pixels. `on_picture` is called after each picture that was taken,
        `on_sound` after sound."""
        frames = replace(settings.frames, spare=SPARE_PICTURES)
        self.frames = FrameHistory(frames, memory=memory, clock_ns=self._now_ns)
        self.audio = AudioHistory(settings.audio, clock_ns=self._now_ns)
        self.moves = MoveHistory(settings.moves)
        self._camera_info: CameraInfo | None = None
        self.picture_watch = Stopwatch()
        self.sound_watch = Stopwatch()
        self.listening = True
        """Set to False to drop what comes in."""
        self.picture_problem = ""
        """Why the newest picture message could not even be looked at."""
        self.sound_problem = ""
        """Why the newest sound could not be used."""
        self.odometry_problem = ""
        """Why the newest position could not be used."""
        self._node = node
        self._jumps = on_jump_back(node, self._time_jumped)
        self._settings = settings
        self._on_picture, self._on_sound = on_picture, on_sound
        self._sound_reader = SoundReader(settings.audio_format)
        self._told_by_info = False
        self.subscriptions = self._make_subscriptions()

    def _make_subscriptions(self) -> dict[str, AdoptingSubscription]:
        compressed = self._settings.compressed
        make = functools.partial(
            AdoptingSubscription, self._node, group=MutuallyExclusiveCallbackGroup()
        )
        subscriptions = {
            "picture": make(
                "image/compressed" if compressed else "image",
                [f"sensor_msgs/msg/{'CompressedImage' if compressed else 'Image'}"],
                self._take_picture,
                depth=self._settings.image_depth,
                raw=True,
            ),
            "camera": make(
                "camera_info", ["sensor_msgs/msg/CameraInfo"], self._take_camera_info, depth=1
            ),
            "sound": make("audio", list(SOUND_TYPES), self._take_sound, depth=SOUND_DEPTH),
        }
        if find_type(INFO_TYPE) is not None:
            topic = info_topic_of(subscriptions["sound"].topic)
            subscriptions["sound_info"] = make(topic, [INFO_TYPE], self._take_sound_info, depth=1)
        if self._settings.odometry:
            subscriptions["odometry"] = make(
                "odom", ["nav_msgs/msg/Odometry"], self._take_odometry, depth=1
            )
        return subscriptions

    def open(self) -> None:
        """Begins to listen."""
        for subscription in self.subscriptions.values():
            subscription.open()

    def close(self) -> None:
        """Stops listening; what was heard and seen is kept."""
        for subscription in self.subscriptions.values():
            subscription.close()

    def follow(self) -> None:
        """Adopts changes of the publishers' QoS and types."""
        for subscription in self.subscriptions.values():
            subscription.follow()
        info = self.subscriptions.get("sound_info")
        if self._told_by_info and info is not None and not info.publisher_count:
            self._told_by_info = False
            self._sound_reader.forget()

    def clear(self) -> None:
        """Forgets what was heard and seen."""
        self.frames.clear()
        self.audio.clear()
        self.moves.clear()
        self.picture_problem = self.sound_problem = self.odometry_problem = ""

    def forget_clock(self) -> None:
        """No longer hears of jumps of time; the last thing to call."""
        self._jumps.unregister()

    def clock_problem(self) -> str:
        """Why ages cannot be told; "" while time goes on."""
        clock = self._node.get_clock()
        if not clock.ros_time_is_active:
            return ""
        topic = self._node.resolve_topic_name("/clock")
        now_ns = clock.now().nanoseconds
        if now_ns and self._node.count_publishers(topic):
            return ""
        stands = f"time stands at {to_s(now_ns):g} s" if now_ns else "there is no time yet"
        return (
            f"use_sim_time is set and nothing comes on {topic}, so that {stands}; start the "
            "simulator or player with a clock, or set use_sim_time to false"
        )

    # Callbacks, on the thread that spins the node.

    def _time_jumped(self, _: object) -> None:
        """Forgets what is of the future now; what came already since the jump is kept."""
        soon_ns = self._now_ns() + to_ns(JUMP_S)
        if (self.frames.newest_stamp_ns() or 0) > soon_ns:
            self.frames.clear()
        if (self.audio.state().end_ns or 0) > soon_ns:
            self.audio.clear()

    def _take_picture(self, type_name: str, serialised: bytes) -> None:
        if not self.listening:
            return
        started = time.perf_counter()
        try:
            header = peek_header(serialised)
        except InvalidInputError as problem:
            self.picture_problem = str(problem)
            return
        self.picture_problem = ""
        decode = functools.partial(
            decode_picture, type_name, serialised, self._settings.most_pixels
        )
        if self.frames.offer(header.stamp_ns, header.frame_id, decode) is Offer.ACCEPTED:
            self._on_picture()
        self.picture_watch.add(time.perf_counter() - started)

    def _take_sound(self, type_name: str, message: Any) -> None:
        if not self.listening:
            return
        started = time.perf_counter()
        try:
            sound = self._sound_reader.read(type_name, message)
            if sound is not None:
                self.audio.push(sound.stamp_ns, sound.samples, sound.sample_rate)
                self._on_sound()
        except InvalidInputError as problem:
            self.sound_problem = str(problem)
        else:
            self.sound_problem = ""
        self.sound_watch.add(time.perf_counter() - started)

    def _take_sound_info(self, _: str, message: Any) -> None:
        self._sound_reader.tell(message)
        self._told_by_info = True

    def _take_camera_info(self, _: str, message: CameraInfo) -> None:
        self._camera_info = message

    def _take_odometry(self, _: str, message: Odometry) -> None:
        if not self.listening:
            return
        stamp, place = message.header.stamp, message.pose.pose.position
        taken_ns = nanoseconds_of(stamp) or self._now_ns()
        try:
            self.moves.arrive(taken_ns, (place.x, place.y, place.z))
        except InvalidInputError as problem:
            self.odometry_problem = str(problem)
        else:
            self.odometry_problem = ""

    # The moment of an instruction; any thread.

    def camera(self, frame: Frame | None) -> tuple[CameraModel | None, str]:
        """The camera of a picture, or of the pictures as its message says; else why there is none.

        "" where there is no message, or it says that the camera is not calibrated.
        """
        if self._camera_info is None:
            return None, ""
        size = None if frame is None else (frame.pixels.shape[1], frame.pixels.shape[0])
        rectified = shows_rectified(self.subscriptions["picture"].topic)
        try:
            return camera_of(self._camera_info, rectified=rectified, size=size), ""
        except InvalidInputError as problem:
            return None, str(problem)

    def observe(self, task: Task, max_age_s: float) -> PinnedObservation:
        """What the task shall see and hear, none of it older than `max_age_s`.

        InstructionError NO_INPUT, STALE_INPUT or INVALID_INPUT.
        """
        now_ns = self._now_ns()
        if not task.image is task.history is task.audio is Use.NONE:
            self._expect_clock(now_ns)
        sound = self._sound(task.audio, now_ns, max_age_s)
        shows = self._is_shown(task.image, now_ns, max_age_s, alternative=sound is not None)
        try:
            history = task.history is not Use.NONE
            snapshot = self.frames.snapshot(newest=shows, older=None if history else 0)
        except InvalidInputError as problem:
            raise InstructionError(ErrorCode.INVALID_INPUT, str(problem)) from problem
        moves = task.moves is not Use.NONE
        camera, camera_problem = self.camera(snapshot.newest)
        observation = Observation(
            image=snapshot.newest,
            history=snapshot.older,
            audio=sound,
            audio_rate=self._settings.audio.rate,
            camera=camera,
            camera_problem=camera_problem,
            robot_history=self.moves.texts() if moves else (),
        )
        position = self.moves.position(now_ns, max_age_s) if moves else None
        return PinnedObservation(observation, snapshot, position)

    def observe_sent(self, task: Task, picture: CompressedImage) -> PinnedObservation:
        """A picture that came with the instruction, and nothing else: no history, no camera.

        InstructionError INVALID_REQUEST for tasks that look at none or need sound, INVALID_INPUT.
        """
        if task.image is Use.NONE or task.audio is Use.REQUIRED:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"task {task.name!r} is not about a picture alone; ask it of the camera and the "
                "microphone, without one",
            )
        try:
            pixels = compressed_to_rgb(picture, self._settings.most_pixels)
        except InvalidInputError as problem:
            raise InstructionError(
                ErrorCode.INVALID_INPUT, f"the picture that was sent along: {problem}"
            ) from problem
        stamp_ns = nanoseconds_of(picture.header.stamp)
        frame = Frame(pixels, stamp_ns, picture.header.frame_id)
        return PinnedObservation(Observation(frame), FrameSnapshot(frame, (), lambda: None))

    def remember(self, seen: PinnedObservation, answer: Answer) -> None:
        """Remembers the move that was told, for the next one."""
        steps = () if answer.plan is None else answer.plan.steps
        if seen.position is not None and steps and steps[0].kind is ActionKind.DISCRETE:
            self.moves.add(seen.position, steps[0].name)

    def _is_shown(self, use: Use, now_ns: int, max_age_s: float, *, alternative: bool) -> bool:
        """Whether there is a picture to show; raises if there should be one and is not."""
        if use is Use.NONE:
            return False
        if self.picture_problem:
            raise InstructionError(ErrorCode.INVALID_INPUT, self.picture_problem)
        stamp_ns = self.frames.newest_stamp_ns()
        if stamp_ns is not None:
            self._check_age("picture", stamp_ns, now_ns, max_age_s)
            return True
        if use is Use.OPTIONAL and alternative:
            return False
        raise self._nothing_came("picture")

    def _sound(self, use: Use, now_ns: int, max_age_s: float) -> npt.NDArray[np.float32] | None:
        """The last seconds of sound; None if it is not used, or is old or absent but optional."""
        if use is Use.NONE:
            return None
        if self.sound_problem:
            raise InstructionError(
                ErrorCode.INVALID_INPUT,
                f"the newest sound on {self.subscriptions['sound'].topic} cannot be used: "
                f"{self.sound_problem}",
            )
        end_ns = self.audio.state().end_ns
        if use is Use.REQUIRED:
            if end_ns is None:
                raise self._nothing_came("sound")
            self._check_age("sound", end_ns, now_ns, max_age_s)
        if end_ns is None or abs(to_s(now_ns - end_ns)) > max_age_s:
            return None
        samples = self.audio.heard(now_ns)
        return samples if samples.size else None

    def _expect_clock(self, now_ns: int) -> None:
        """InstructionError STALE_INPUT where time stands, NO_INPUT where there is none."""
        problem = self.clock_problem()
        if problem:
            raise InstructionError(ErrorCode.STALE_INPUT if now_ns else ErrorCode.NO_INPUT, problem)

    def _check_age(self, what: str, stamp_ns: int, now_ns: int, max_age_s: float) -> None:
        age_s = to_s(now_ns - stamp_ns)
        topic = self.subscriptions[what].topic
        if age_s > max_age_s:
            raise InstructionError(
                ErrorCode.STALE_INPUT,
                f"the newest {what} on {topic} is {age_s:.3f} s old and may be {max_age_s:g} s; "
                "check that its source still publishes, or allow a greater max_age",
            )
        if -age_s > max_age_s:
            raise InstructionError(
                ErrorCode.STALE_INPUT,
                f"the newest {what} on {topic} is stamped {-age_s:.3f} s in the future; "
                "synchronise the clocks of its source and the agent (use_sim_time?)",
            )

    def _nothing_came(self, what: str) -> InstructionError:
        subscription = self.subscriptions[what]
        count = subscription.publisher_count
        return InstructionError(
            ErrorCode.NO_INPUT,
            f"no {what} has come on {subscription.topic}, whose number of publishers is {count}; "
            "start its source or remap the topic"
            + "".join(f"; {problem}" for problem in subscription.problems),
        )

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)
