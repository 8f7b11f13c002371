"""What an agent would have seen and heard of a world: its own histories, fed without ROS.

The simulator's node shows the agent a picture every 1/rate seconds of the scene, and one more when
time stops. Here the same pictures are offered to the same histories with the same stamps; those
that the history would drop undecoded are not even drawn.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from uio2_ros.evaluation.run_settings import ObservationSettings
from uio2_ros.history import FrameHistory, Offer
from uio2_ros.history.move_history import MoveHistory, Position
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.plan import ActionKind
from uio2_ros.robot.time import to_ns
from uio2_ros.sim import World
from uio2_ros.sim.spec import Place
from uio2_ros.tasks.task import Task, Use

AUDIO_RATE_HZ = 16000

Pixels = npt.NDArray[np.uint8]


class WorldObservations:
    """The histories of one world's agent, from the moment this is made; one camera."""

    def __init__(self, world: World, settings: ObservationSettings) -> None:
        self.camera = world.scene.cameras[0].name
        self._world = world
        self._settings = settings
        self._frames = FrameHistory(settings.frames)
        self._moves = MoveHistory(settings.moves)
        self._period_ns = to_ns(settings.frames.period_s)
        self._due_ns = 0
        self._began_s = world.time_s
        world.watch(self._pass_by, 1 / settings.picture_rate_hz)

    def observe(self, task: Task) -> Observation:
        """What a task is shown now; what it makes no use of is left out."""
        self._offer(self._world.colour(self.camera))
        remembers = task.history is not Use.NONE
        moves = task.moves is not Use.NONE
        with self._frames.snapshot(older=None if remembers else 0) as seen:
            return Observation(
                image=seen.newest,
                history=seen.older,
                audio=self._sound() if task.audio is not Use.NONE else None,
                audio_rate=AUDIO_RATE_HZ,
                camera=self._world.view(self.camera).model,
                robot_history=self._moves.texts() if moves else (),
            )

    def remember(self, answer: Answer) -> None:
        """A move was told here; it is part of the next prompt."""
        steps = () if answer.plan is None else answer.plan.steps
        discrete = bool(steps) and steps[0].kind is ActionKind.DISCRETE
        if discrete and self._world.scene.place is Place.ROOM:
            self._moves.add(_position(self._world), steps[0].name)

    def _pass_by(self) -> None:
        """A picture that nobody asked for."""
        due = self._now_ns() >= self._due_ns
        self._offer(self._world.colour(self.camera) if due else None)

    def _offer(self, pixels: Pixels | None) -> None:
        now_ns = self._now_ns()
        decode = _never if pixels is None else functools.partial(_given, pixels)
        offer = self._frames.offer(now_ns, f"{self.camera}_optical_frame", decode)
        if offer is Offer.ACCEPTED and now_ns >= self._due_ns:
            self._due_ns = now_ns + self._period_ns

    def _sound(self) -> npt.NDArray[np.float32] | None:
        """None where no time has passed to hear anything in."""
        end_s = self._world.time_s
        start_s = max(self._began_s, end_s - self._settings.audio.seconds)
        samples = self._world.physics.sounds.audio(start_s, end_s)
        return samples if samples.size else None

    def _now_ns(self) -> int:
        return to_ns(self._world.time_s)


def _position(world: World) -> Position:
    pose = world.base.pose
    return pose.x, pose.y, 0.0


def _given(pixels: Pixels) -> Pixels:
    return pixels


def _never() -> Pixels:
    raise AssertionError("a picture that is not due is never decoded")
