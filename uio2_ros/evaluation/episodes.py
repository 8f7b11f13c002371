"""The closed loop: an agent is asked, the world does what it says, physics decides.

An episode ends when what the instruction wants is so, when the base has stopped, when the limit of
steps is reached, when a reference policy says nothing more, or with the first answer that fails.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.evaluation.drawing import Ground, draw_steps
from uio2_ros.evaluation.records import EpisodeRecord, digest
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.evaluation.world_observations import WorldObservations
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.plan import Step
from uio2_ros.robot.poses import Pose2D, planar_pose, unit_quaternion, yaw_of
from uio2_ros.sim import Episode, Oracle, Policy, RandomPolicy, World
from uio2_ros.sim.arm import ActionError
from uio2_ros.sim.physics import UnstableSceneError
from uio2_ros.sim.sampling import NoRoomError
from uio2_ros.sim.spec import Place
from uio2_ros.tasks.registry import task_named

Pixels = npt.NDArray[np.uint8]
Asked = tuple[Instruction, Observation]
"""What a model is asked in an episode."""


@dataclass(frozen=True)
class PlayedEpisode:
    """An episode and its pictures: the first with the steps drawn in, and the last."""

    record: EpisodeRecord
    start: Pixels
    end: Pixels


@dataclass
class Attempt:
    """What counts and limits an episode, wherever it is played."""

    episode: Episode
    policy: str
    success: bool = False
    answers: int = 0
    answer_s: float = 0.0
    error_code: ErrorCode = ErrorCode.NONE
    error: str = ""
    steps: list[Step] = field(default_factory=list)
    _ended: bool = False
    _looks: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        done = self._ended or self.success or bool(self.error)
        return done or len(self.steps) >= self.episode.step_limit

    def looked(self, stamps_ns: Sequence[int]) -> None:
        """The stamps of the pictures that are shown with a question, the newest last."""
        self._looks.append(tuple(stamps_ns[-1] - stamp_ns for stamp_ns in stamps_ns))

    def take(self, answer: Answer) -> tuple[Step, ...]:
        """The steps to carry out now."""
        self.answers += 1
        if answer.error_code:
            self.fail(answer.error_code, answer.error_msg)
            return ()
        steps = () if answer.plan is None else answer.plan.steps
        self._ended = not steps
        return steps[: self.episode.step_limit - len(self.steps)]

    def carried_out(self, step: Step, *, stopped: bool) -> None:
        self.steps.append(step)
        self._ended = self._ended or stopped

    def fail(self, code: ErrorCode, error: str) -> None:
        """Ends it; `error` is why."""
        self.error_code, self.error = code, error

    def record(self, start: Pixels, end: Pixels, scene_s: float) -> EpisodeRecord:
        return EpisodeRecord(
            policy=self.policy,
            task=self.episode.task,
            seed=self.episode.seed,
            instruction=self.episode.instruction,
            success=self.success,
            steps=tuple(self.steps),
            answers=self.answers,
            scene_s=round(scene_s, 6),
            error_code=int(self.error_code),
            error=self.error,
            start_pixels=digest(start),
            end_pixels=digest(end),
            looks=_digest_of(self._looks),
            answer_s=round(self.answer_s, 3),
        )


def _digest_of(looks: Sequence[Sequence[int]]) -> str:
    """Nothing, where nobody was asked."""
    return digest(np.array([age for look in looks for age in look], np.int64)) if looks else ""


def question_task(episode: Episode, settings: RunSettings) -> str:
    """Which task of the agent an episode needs."""
    return settings.table_task if episode.scene.place is Place.TABLE else "navigate"


def reference(policy: str, seed: int) -> Policy | None:
    """The policy that is a reference line; None for the model."""
    if policy == "oracle":
        return Oracle()
    return RandomPolicy(seed) if policy == "random" else None


def play(
    episode: Episode, policy: str, settings: RunSettings
) -> Generator[Asked, Answer, PlayedEpisode]:
    """Plays one episode in a world of its own; what the model is asked is yielded.

    Send the answers. All of it must run on one thread, whose drawing context the world uses.
    """
    acts = reference(policy, episode.seed)
    task = task_named(question_task(episode, settings))
    attempt = Attempt(episode, policy)
    with World(episode.scene) as world:
        observations = None if acts else WorldObservations(world, settings.histories)
        episode.begin(world)
        camera = world.scene.cameras[0].name
        start, ground = world.colour(camera), Ground.of(world, camera)
        began_s = world.time_s
        while not attempt.over:
            asked_s = time.perf_counter()
            if observations is None:
                answer = _ask_reference(acts, world, episode)
            else:
                instruction = Instruction(episode.instruction, task.name)
                seen = observations.observe(task)
                attempt.looked(_stamps_ns(seen))
                answer = yield instruction, seen
                observations.remember(answer)
            attempt.answer_s += time.perf_counter() - asked_s
            steps = attempt.take(answer)
            _carry_out(attempt, steps if acts else tuple(map(as_sent, steps)), world)
        end = world.colour(camera)
        record = attempt.record(start, end, world.time_s - began_s)
    return PlayedEpisode(record, draw_steps(start, record.steps, ground), end)


def _stamps_ns(seen: Observation) -> tuple[int, ...]:
    newest = () if seen.image is None else (seen.image,)
    return tuple(frame.stamp_ns for frame in (*seen.history, *newest))


def _ask_reference(policy: Policy | None, world: World, episode: Episode) -> Answer:
    assert policy is not None, "a world that nobody observes is a reference policy's"
    try:
        return Answer(plan=policy.plan(world, episode))
    except NoRoomError as error:
        return Answer.failed(ErrorCode.INFERENCE_FAILED, f"{policy} has no plan: {error}")


def as_sent(step: Step) -> Step:
    """The step as it is after its way to the simulator in a message, whose angles are quaternions.

    So it is the same to the last bit, and so is what the physics make of it.
    """
    if step.start is None or step.end is None:
        return step
    return replace(step, start=_as_sent(step.start), end=_as_sent(step.end))


def _as_sent(pose: Pose2D) -> Pose2D:
    received = unit_quaternion(planar_pose(pose).quaternion_wxyz)
    return Pose2D(pose.x, pose.y, yaw_of(received))


def _carry_out(attempt: Attempt, steps: tuple[Step, ...], world: World) -> None:
    """Lets the world do the steps and looks whether that was it."""
    for number, step in enumerate(steps):
        try:
            world.execute(step)
        except (ActionError, UnstableSceneError) as error:
            attempt.fail(ErrorCode.UNKNOWN, f"step {number}: {error}")
            break
        stopped = world.scene.place is Place.ROOM and world.base.stopped
        attempt.carried_out(step, stopped=stopped)
        if stopped:
            break
    attempt.success = attempt.episode.success(world)
