"""A thread in which one episode after the other takes place, for who is in other threads.

Physics and drawing belong to one thread. It lets time pass at the pace of the clock, or in
lock-step only when asked to; others hand it requests and get futures. No ROS.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Protocol, TypeVar

from uio2_ros.robot.plan import Step
from uio2_ros.robot.time import to_ns, to_s
from uio2_ros.settings import setting
from uio2_ros.sim.arm import ActionError
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.model import TIMESTEP_S
from uio2_ros.sim.pacing import Pace
from uio2_ros.sim.physics import UnstableSceneError
from uio2_ros.sim.splits import Split
from uio2_ros.sim.streaming import OngoingMotion
from uio2_ros.sim.tasks import Episode, sample_episode
from uio2_ros.sim.world import World

TICK_S = 0.04
"""Of the simulator: how often the clock, requests and whoever listens are attended to."""
BETWEEN_SCENES_NS = 1
LONGEST_STEP_S = 3600.0
LONGEST_JOIN_S = 1.5
ENDED = "the simulator has ended"

T = TypeVar("T")


class RefusedError(ValueError):
    """A request that cannot be carried out now, and why."""


class InterruptedStepError(RuntimeError):
    """What was under way has been ended by a later request."""


@dataclass(frozen=True)
class TimingSettings:
    """How time passes and what is drawn."""

    picture_rate_hz: float = setting(
        15.0, "pictures per second of the simulator", low=0.1, high=100.0, name="image_rate"
    )
    samples_per_pixel: int = setting(4, "against jagged edges; 0 draws faster", high=8)
    rate: float = setting(
        1.0, "seconds of the simulator per second; 0: as fast as it goes. Not 1: use_sim_time"
    )
    lock_step: bool = setting(False, "time passes only in ~/step; the others need use_sim_time")


@dataclass(frozen=True)
class EpisodeChoice:
    """An episode."""

    task: str
    seed: int
    split: Split
    size: PictureSize

    def sample(self) -> Episode:
        """The episode; Refused if there is none."""
        try:
            return sample_episode(self.task, self.seed, self.split, self.size)
        except (KeyError, ValueError) as error:
            raise RefusedError(str(error.args[0])) from None


@dataclass(frozen=True)
class StepsResult:
    """What came of steps: what suction took in each, and the seconds they took."""

    picked: tuple[str, ...]
    seconds: float
    problem: str = ""
    """Why the next step was not carried out."""


class Listener(Protocol):
    """Whom everything is shown to, on the simulator's thread."""

    def on_scene(self, simulator: SimulatorThread) -> None:
        """Another scene begins."""

    def on_instruction(self, simulator: SimulatorThread) -> None:
        """What comes before the instruction is over."""

    def on_tick(self, simulator: SimulatorThread) -> None:
        """A little time has passed."""

    def on_picture(self, simulator: SimulatorThread) -> None:
        """A picture is due."""

    def on_pause(self, simulator: SimulatorThread) -> None:
        """Time stops, or the scene ends."""


class _Kind(Enum):
    LOOK = 1  # at any time between two steps of the physics
    ACT = 2  # one after the other, and refused while another is under way
    STOP = 3  # ends what the robot does
    RESET = 4  # ends everything


@dataclass(frozen=True)
class _Job:
    kind: _Kind
    work: Callable[[], Any]
    future: Future[Any]


class _Doing(Enum):
    NOTHING = "nothing"
    EVENTS = "what comes before the instruction"
    STEPS = "a step"


class _ClosedError(Exception):
    """The simulator is to end."""


class SimulatorThread:
    """See the module. Methods that give futures may be called from any thread."""

    def __init__(self, choice: EpisodeChoice, settings: TimingSettings, listener: Listener) -> None:
        """Refused if there is no such episode."""
        self.choice, self.settings = choice, settings
        self.episode = choice.sample()
        self.failure: BaseException | None = None
        self._ending = threading.Lock()  # what is asked for comes before the end, or is refused
        self.ended = False
        self.problem = ""
        """What went wrong last; for whoever reports."""
        follows_clock = settings.rate == 1 and not settings.lock_step
        self.pace = Pace(settings.rate, follows_clock=follows_clock)
        self.steps = 0
        self._listener = listener
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: deque[_Job] = deque()
        self._doing = _Doing.EVENTS
        self._world: World | None = None
        self._offset_ns = 0  # the simulator's time at the zero of the world's
        self._instruction_ns = 0
        self._shown_ns = -1
        self._motion: OngoingMotion | None = None
        self._thread = threading.Thread(target=self._live, name="physics", daemon=True)

    # Any thread.

    def start(self) -> None:
        """Let the first episode begin; call once."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(LONGEST_JOIN_S)

    def look(self, read: Callable[[SimulatorThread], T]) -> Future[T]:
        """Something read from the world between two steps of the physics."""
        return self._ask(_Kind.LOOK, lambda: read(self))

    def reset(self, choice: EpisodeChoice) -> Future[None]:
        """Another episode; done when what comes before its instruction is over. Or Refused."""
        return self._ask(_Kind.RESET, lambda: self._reset(choice))

    def execute(self, steps: Sequence[Step], seconds: float = 0.0) -> Future[StepsResult]:
        """Carry steps out, then let seconds pass. Refused while something else is under way."""
        return self._ask(_Kind.ACT, lambda: self._execute(steps, seconds))

    def move(self, motion: OngoingMotion) -> Future[None]:
        """Let a motion go on until the next, or a step, comes. Refused by the wrong robot."""
        return self._ask(_Kind.ACT, lambda: self._move(motion))

    def stop(self) -> Future[None]:
        """End what the robot does, where it is."""
        return self._ask(_Kind.STOP, self._halt)

    def _ask(self, kind: _Kind, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._ending:
            if self.ended:
                future.set_exception(RefusedError(ENDED))
            else:
                self._jobs.put(_Job(kind, work, future))
        return future

    # The simulator's thread, and who is called on it.

    @property
    def world(self) -> World:
        """The scene as it is."""
        assert self._world is not None, "only while the thread runs"
        return self._world

    @property
    def now_ns(self) -> int:
        """Nanoseconds of all scenes until now."""
        return self._offset_ns + to_ns(self.world.time_s)

    @property
    def stamp_ns(self) -> int:
        """The stamp of now."""
        return self.pace.stamp_ns(self.now_ns)

    @property
    def scene_stamp_ns(self) -> int:
        """The stamp of the zero of the scene's time."""
        return self.pace.stamp_ns(self._offset_ns)

    @property
    def episode_s(self) -> float:
        """Seconds since the instruction."""
        return to_s(self.now_ns - self._instruction_ns)

    @property
    def moving(self) -> bool:
        """Whether the robot carries out a step or a motion."""
        return self._doing is _Doing.STEPS or self._motion is not None

    def _live(self) -> None:
        try:
            self._surviving(lambda: self._open(self.episode))
            self.world.colour(self.world.scene.cameras[0].name)  # a machine that cannot says so now
            while True:
                self._go_on()
        except _ClosedError:
            pass
        except BaseException as failure:  # handed to the main thread, which raises it
            self.failure = failure
        finally:
            self._end()

    def _end(self) -> None:
        with self._ending:
            self.ended = True
        if self._world is not None:
            self._world.close()
        while self._waiting or not self._jobs.empty():
            job = self._waiting.popleft() if self._waiting else self._jobs.get()
            if job is not None:
                job.future.set_exception(RefusedError(ENDED))

    def _go_on(self) -> None:
        """Carry out what waits, or let a little time pass."""
        if self._waiting:
            self._carry_out(self._waiting.popleft())
        elif self.settings.lock_step:
            self._receive(self._jobs.get())
            self.pace.pause(self.now_ns)
        else:
            self._surviving(self._idle)

    def _idle(self) -> None:
        motion = self._motion
        for _ in range(round(TICK_S / TIMESTEP_S)):
            if motion is None:
                self.world.physics.step()
            elif not motion.step(self.world):
                self._motion = motion = None

    def _carry_out(self, job: _Job) -> None:
        try:
            job.future.set_result(job.work())
        except (RefusedError, ActionError, InterruptedStepError) as refusal:
            job.future.set_exception(refusal)
        except UnstableSceneError as fault:
            job.future.set_exception(RefusedError(f"{fault}; the episode begins again"))
            self._surviving(partial(self._begin_again, fault))
        except BaseException:  # the thread ends by it
            job.future.set_exception(RefusedError(ENDED))
            raise
        finally:
            self._doing = _Doing.NOTHING

    def _surviving(self, pass_time: Callable[[], None]) -> None:
        """Time passes; where the physics diverge, the episode begins again."""
        try:
            pass_time()
        except UnstableSceneError as fault:
            self._begin_again(fault)
        except InterruptedStepError:
            pass  # by a job that now waits

    def _begin_again(self, fault: UnstableSceneError) -> None:
        self.problem = f"{fault}; the episode began again"
        self._open(self.episode)

    def _receive(self, job: _Job | None) -> None:
        """Take a request; raises InterruptedStepError where it ends what is under way."""
        if job is None:
            raise _ClosedError
        if job.kind is _Kind.LOOK:
            self._carry_look(job)
        elif job.kind is _Kind.ACT and self._doing is not _Doing.NOTHING:
            busy = f"{self._doing.value} is under way; wait for its end"
            job.future.set_exception(RefusedError(busy))
        else:
            self._waiting.append(job)
            ends_steps = job.kind in (_Kind.STOP, _Kind.RESET) and self._doing is _Doing.STEPS
            if ends_steps or (job.kind is _Kind.RESET and self._doing is _Doing.EVENTS):
                raise InterruptedStepError("another request ended it")

    def _carry_look(self, job: _Job) -> None:
        try:
            job.future.set_result(job.work())
        except Exception as error:  # whoever asked gets what their reading raised
            job.future.set_exception(error)

    def _breathe(self) -> None:
        """Called every TICK_S of the scene: shows it, and waits for the clock."""
        now_ns = self.now_ns
        self.pace.tick(now_ns)
        self._listener.on_tick(self)
        while True:
            lead_s = self.pace.lead_s(now_ns)
            try:
                job = self._jobs.get(timeout=lead_s) if lead_s > 0 else self._jobs.get_nowait()
            except queue.Empty:
                return
            self._receive(job)

    def _show(self) -> None:
        if self.now_ns != self._shown_ns:
            self._shown_ns = self.now_ns
            self._listener.on_picture(self)

    # What is asked for.

    def _reset(self, choice: EpisodeChoice) -> None:
        episode = choice.sample()
        self._open(episode)
        self.choice, self.problem = choice, ""

    def _open(self, episode: Episode) -> None:
        """A new world, in which the time of the old one goes on."""
        now_ns = self.now_ns if self._world is not None else 0
        if self._world is not None:
            self._listener.on_pause(self)
            self._world.close()
        world = World(episode.scene, self.settings.samples_per_pixel)
        self._world, self.episode, self._motion = world, episode, None
        # no picture of two scenes has the same stamp: who keeps pictures would take them for one
        self._offset_ns = now_ns + BETWEEN_SCENES_NS - to_ns(world.time_s)
        self._shown_ns, self.steps = -1, 0
        self._instruction_ns = self.now_ns
        self.pace.pause(self.now_ns)
        self._listener.on_scene(self)
        world.watch(self._breathe, TICK_S)
        world.watch(self._show, 1 / self.settings.picture_rate_hz)
        self._doing = _Doing.EVENTS
        episode.begin(world)
        self._doing = _Doing.NOTHING
        self._instruction_ns = self.now_ns
        self._listener.on_instruction(self)
        self._stand_still()

    def _execute(self, steps: Sequence[Step], seconds: float) -> StepsResult:
        if not 0 <= seconds <= LONGEST_STEP_S:
            raise RefusedError(f"{seconds} s cannot pass; give 0 to {LONGEST_STEP_S:g}")
        began_s, picked, problem = self.world.time_s, [], ""
        self._motion, self._doing = None, _Doing.STEPS
        for number, step in enumerate(steps):
            try:
                picked.append(self.world.execute(step).picked or "")
            except (ActionError, InterruptedStepError) as error:
                problem = f"step {number}: {error}"
                break
            self.steps += 1
        if not problem:
            self.world.advance(seconds)
        self._stand_still()
        return StepsResult(tuple(picked), self.world.time_s - began_s, problem)

    def _move(self, motion: OngoingMotion) -> None:
        if self.settings.lock_step:
            raise RefusedError("in lock-step only ~/step moves the robot")
        motion.check(self.world)
        self._motion = motion.after(self._motion, self.world)

    def _halt(self) -> None:
        self._motion = None

    def _stand_still(self) -> None:
        """In lock-step time stops now, and everybody is shown how things are."""
        if self.settings.lock_step:
            self._show()
            self._listener.on_pause(self)
