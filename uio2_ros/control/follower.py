"""Carries out one plan at a time, and stops when it must not go on: the bridge's watchdog.

Time comes from outside, seconds on one clock. Whatever goes wrong ends in `stop`, in the call or
the control period in which it is noticed: velocities become 0, positions stay where they are,
goals are cancelled. The last command is never repeated: while the clock stands, nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Protocol

from uio2_ros.control.asked_motion import AskedMotion
from uio2_ros.control.commands import CancelGoals, Command, TwistCommand, TwistRole
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.frames import FreshFrames
from uio2_ros.control.hand_over import HandOver
from uio2_ros.control.joints import JointStates
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.control.planning import Planner, space_of
from uio2_ros.control.settings import BridgeSettings, SpeedSettings
from uio2_ros.control.stream import Stream
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.plan_errors import Cause, PlanError, Where
from uio2_ros.robot.time import is_fresh

ZEROS_S = 0.5
"""Velocities 0 are said again for so long: bases often listen best effort."""
LEAST_ZEROS = 3
TOOK_OVER = "a newer plan took over"


@dataclass(frozen=True)
class Outcome:
    """How a plan ended. cause NONE: it was carried out."""

    cause: Cause
    message: str
    steps_done: int
    where: Where | None = None


@dataclass
class PlanRun:
    """A plan that is carried out. number counts runs; on_demand: somebody waits for its end."""

    number: int
    plan: TaskPlan
    motion: Motion
    stamp_s: float
    begin_s: float
    end_s: float
    on_demand: bool
    on_end: Callable[[Outcome], None]
    progress: PlanProgress


def tell_nobody(outcome: Outcome) -> None:
    """Of a plan whose end nobody waits for."""
    del outcome


class Gate(Protocol):
    """What a plan and its commands have to pass: `uio2_ros.control.gate` has the one there is."""

    @property
    def engagement(self) -> Engagement:
        """How fast a plan that has begun may move yet."""
        ...

    def expect_open(self) -> None:
        """PlanError while nothing may move."""
        ...

    def judge(
        self, asked: AskedMotion, stamp_s: float, now_s: float, *, tip_frame_id: str = ""
    ) -> None:
        """Before a plan begins; PlanError for what it must not do."""
        ...

    def passed(self, commands: Sequence[Command], now_s: float) -> Sequence[Command]:
        """Those of a period, as they are; PlanError if one must not be sent."""
        ...

    def held(self, commands: Sequence[Command]) -> Sequence[Command]:
        """Those of a halt that may be sent."""
        ...


class PlanFollower:
    """One thread. Commands gather in an outbox that `take` empties."""

    def __init__(
        self,
        spaces: Mapping[str, ActionSpace],
        settings: BridgeSettings,
        frames: FreshFrames,
        joints: JointStates,
        gate: Gate,
    ) -> None:
        self._spaces = spaces
        self._settings = settings
        self._frames = frames
        self._joints = joints
        self._gate = gate
        self._planner = Planner(settings, frames, joints, gate.engagement)
        self._outbox: list[Command] = []
        self._run: PlanRun | None = None
        self._next: PlanRun | None = None
        """The plan that takes over when the step under way is over."""
        self._handed_over: dict[str, HandOver] = {}
        """The newest of each action space: whoever executes its poses may outlast it."""
        self._driven: set[TwistRole] = set()
        """Who was ever told a velocity."""
        self._zeros_left = 0
        """Periods in which 0 is said again to those of them that are not told anything else."""
        self._last_s = float("-inf")
        self._commanded_s = float("-inf")
        self._number = 0
        self.enabled = True
        self.ends: Counter[Cause] = Counter()
        """How often plans ended, or were refused, and why; NONE: carried out."""
        self.steps_dropped = 0
        """Steps of chunks that were over before they came."""

    @property
    def run(self) -> PlanRun | None:
        """The plan under way."""
        return self._run

    @property
    def next(self) -> PlanRun | None:
        """The plan that waits for the end of the step under way."""
        return self._next

    def limit(self, speeds: SpeedSettings) -> None:
        """Keeps to other speeds from now on."""
        self._settings = replace(self._settings, speed=speeds)
        self._planner = Planner(self._settings, self._frames, self._joints, self._gate.engagement)
        if self._run is not None and isinstance(self._run.motion, Stream):
            self._run.motion.limit(speeds)

    def take(self) -> Sequence[Command]:
        """What to tell the controllers now."""
        commands, self._outbox = self._outbox, []
        return commands

    def start(
        self,
        plan: TaskPlan,
        stamp_s: float,
        now_s: float,
        *,
        on_demand: bool = False,
        after_step: bool = False,
        timeout_s: float = 0.0,
        on_end: Callable[[Outcome], None] = tell_nobody,
    ) -> PlanRun:
        """Carries out a plan about the world at `stamp_s`, instead of the one under way.

        on_demand: somebody chose to carry it out now, so its first step is due now, and it may
        outlast its picture's age. after_step: a step under way that would have to be halted is
        finished first. A plan without steps stops what is under way. PlanError if the plan cannot
        be carried out: then everything stops too.
        """
        try:
            self._expect_startable(plan, stamp_s, now_s)
            motion = self._motion(plan, stamp_s, now_s, on_demand=on_demand)
        except PlanError as error:
            self.refuse(error, now_s)
            raise
        self._number += 1
        run = PlanRun(
            number=self._number,
            plan=plan,
            motion=motion,
            stamp_s=stamp_s,
            begin_s=now_s,
            end_s=now_s + (timeout_s or self._settings.timeout_s),
            on_demand=on_demand,
            on_end=on_end,
            progress=PlanProgress(0, len(plan.steps), 0.0),
        )
        if after_step and self._finishes_step(motion, now_s):
            self._end_next(Cause.PREEMPTED, TOOK_OVER)
            self._next = run
            return run
        self._replace(motion, now_s)
        self._run = run
        return run

    def refuse(self, error: PlanError, now_s: float) -> None:
        """A plan came that cannot be carried out: what is under way is not wanted any longer."""
        self._gate.engagement.end()
        self.ends[error.cause] += 1
        self._end(Cause.PREEMPTED, f"the next plan was refused: {error.message}", now_s)

    def adopt(self, now_s: float, *, timeout_s: float, on_end: Callable[[Outcome], None]) -> None:
        """Somebody wants to wait for the end of the plan under way."""
        if self._run is None:
            raise ValueError("there is no plan under way to wait for")
        self._run.on_demand, self._run.on_end = True, on_end
        self._run.end_s = now_s + (timeout_s or self._settings.timeout_s)

    def stop(self, cause: Cause, message: str, now_s: float) -> bool:
        """Ends the plan under way at once; False if there was none."""
        run = self._run
        self._gate.engagement.end()
        for motion in self._handed_over.values():
            self._outbox += motion.halt(now_s)
        if run is None:
            self._halt_all()
        else:
            self._end(cause, message, now_s)
        return run is not None

    def tick(self, now_s: float) -> None:
        """One control period: look whether the plan may go on, and go on or stop."""
        run, before_s, self._last_s = self._run, self._last_s, now_s
        if run is None:
            self._repeat_zeros(self._driven)
            return
        try:
            self._watch(run, before_s, now_s)
            run.progress = run.motion.progress(now_s)
            if run.progress.done:
                self._finish(run, now_s)
            else:
                self._command(run.motion, now_s)
        except PlanError as error:
            self._end(error.cause, error.message, now_s, where=error.where)

    def _finish(self, run: PlanRun, now_s: float) -> None:
        """A plan is over, or has made way for the next, which begins without a halt."""
        following, self._next = self._next, None
        cut_short = run.progress.steps < len(run.plan.steps)
        cause, message = (Cause.PREEMPTED, TOOK_OVER) if cut_short else (Cause.NONE, "")
        self._end(cause, message, now_s, halts=False)
        if following is None:
            return
        waited_s, following.begin_s = now_s - following.begin_s, now_s
        following.end_s += waited_s
        self._run = following
        self._command(following.motion, now_s)

    def _command(self, motion: Motion, now_s: float) -> None:
        """The commands of a period, if it is one: simulated time may stand, or be slow."""
        if 0 <= now_s - self._commanded_s < self._settings.period_s / 2:
            return
        self._commanded_s = now_s
        commands = self._gate.passed(motion.commands(now_s), now_s)
        self._outbox += commands
        told = {command.role for command in commands if isinstance(command, TwistCommand)}
        self._repeat_zeros(self._driven - told)  # what moved before may be nothing to this motion
        self._driven |= told

    def _watch(self, run: PlanRun, before_s: float, now_s: float) -> None:
        self._gate.expect_open()
        if now_s < before_s:
            raise PlanError(
                Cause.STALE_PLAN,
                f"the clock jumped back by {before_s - now_s:g} s; send a new plan",
            )
        if now_s >= run.end_s:
            raise PlanError(
                Cause.TIMEOUT,
                f"the plan was not done after {now_s - run.begin_s:.1f} s; give a longer timeout, "
                "or raise the speeds",
            )
        if isinstance(run.motion, Stream) and not run.on_demand:
            self._expect_fresh(run.stamp_s, now_s)

    def _expect_startable(self, plan: TaskPlan, stamp_s: float, now_s: float) -> None:
        if not self.enabled:
            raise PlanError(
                Cause.STOPPED, "the bridge is disabled; call ~/enable with true to move again"
            )
        self._gate.expect_open()
        if not plan.steps:
            raise PlanError(Cause.INVALID_PLAN, "the plan has no steps: whatever moved was stopped")
        self._expect_fresh(stamp_s, now_s)

    def _expect_fresh(self, stamp_s: float, now_s: float) -> None:
        age_s, most_s = now_s - stamp_s, self._settings.max_age_s
        if is_fresh(stamp_s, now_s, most_s):
            return
        if age_s > 0:
            raise PlanError(
                Cause.STALE_PLAN,
                f"the plan is about a picture {age_s:.1f} s old, at most {most_s:g} s are allowed; "
                "ask again, use a faster model, or raise max_age",
            )
        raise PlanError(
            Cause.STALE_PLAN,
            f"the plan is about a picture taken {-age_s:.1f} s from now; synchronise the clocks, "
            "and set use_sim_time on all nodes or on none",
        )

    def _motion(self, plan: TaskPlan, stamp_s: float, now_s: float, *, on_demand: bool) -> Motion:
        space = space_of(plan, self._spaces)
        motion: Motion
        if space.kind is SpaceKind.PICK_PLACE:
            motion, asked = self._planner.pick_and_place(plan, space, stamp_s, now_s)
        elif space.kind is SpaceKind.DISCRETE:
            motion, asked = self._planner.moves(plan, space, stamp_s, now_s)
        else:
            return self._stream(plan, space, stamp_s, now_s, on_demand=on_demand)
        self._gate.judge(asked, stamp_s, now_s)
        return motion

    def _stream(
        self, plan: TaskPlan, space: ActionSpace, stamp_s: float, now_s: float, *, on_demand: bool
    ) -> Stream:
        """The stream under way, if it is of this space, with the plan's chunk; else a new one."""
        origin_s = self._planner.origin_s(stamp_s, now_s, on_demand=on_demand)
        chunk = self._planner.chunk(plan, space, origin_s)
        passed = chunk.passed(now_s)
        if passed == len(chunk.ends_s):
            raise PlanError(
                Cause.STALE_PLAN,
                f"all {passed} steps were over {now_s - chunk.end_s:.2f} s before the plan came; "
                "ask for longer chunks, use a faster model, or set chunk.origin to arrival",
            )
        placed = self._planner.placed(plan, space, now_s)
        asked = self._planner.asked(chunk, space, placed, now_s)
        self._gate.judge(asked, stamp_s, now_s, tip_frame_id=space.tip_frame_id)
        stream = self._run.motion if self._run is not None else None
        if not isinstance(stream, Stream) or stream.space is not space or stream.placed != placed:
            stream = Stream(
                space,
                self._settings,
                self._joints,
                frame_id=self._settings.frame_id,
                placed=placed,
                engagement=self._gate.engagement,
            )
        stream.extend(chunk, now_s, at_once=origin_s == now_s)
        self.steps_dropped += passed
        return stream

    def _finishes_step(self, motion: Motion, now_s: float) -> bool:
        """Whether the step under way is finished first, and ends what is under way."""
        run = self._run
        if run is None or isinstance(motion, Stream):  # a stream is due now or never
            return False
        return run.motion.finish_step(now_s)

    def _replace(self, motion: Motion, now_s: float) -> None:
        """Ends the plan under way; a motion that goes over into the next one is not halted."""
        run = self._run
        if run is None:
            return
        same_kind = type(motion) is type(run.motion)
        goes_over = motion is run.motion or (same_kind and motion.goes_over)
        self._end(Cause.PREEMPTED, TOOK_OVER, now_s, halts=not goes_over)

    def _end(
        self,
        cause: Cause,
        message: str,
        now_s: float,
        *,
        halts: bool = True,
        where: Where | None = None,
    ) -> None:
        run, self._run = self._run, None
        self._end_next(cause, message)
        if run is None:
            return
        self.ends[cause] += 1
        if cause not in (Cause.NONE, Cause.PREEMPTED):
            self._gate.engagement.end()
        if isinstance(run.motion, HandOver):
            self._handed_over[run.plan.action_space] = run.motion
        if cause is Cause.NONE:
            self._say_zeros()
        elif halts:
            self._halt_all()
            self._outbox += self._gate.held(run.motion.halt(now_s))
        progress = run.progress
        done = progress.steps if progress.done else progress.step
        run.on_end(Outcome(cause, message, done, where))

    def _end_next(self, cause: Cause, message: str) -> None:
        """What waits ends as what it waited for."""
        following, self._next = self._next, None
        if following is not None:
            self.ends[cause] += 1
            following.on_end(Outcome(cause, message, 0))

    def _halt_all(self) -> None:
        """What stops whoever was ever told to move, whatever moves now."""
        if self._settings.sends_goals:
            self._outbox.append(CancelGoals())
        self._say_zeros()

    def _say_zeros(self) -> None:
        self._zeros_left = 1 + max(LEAST_ZEROS, round(ZEROS_S / self._settings.period_s))
        self._repeat_zeros(self._driven)

    def _repeat_zeros(self, roles: Set[TwistRole]) -> None:
        if self._zeros_left:
            self._zeros_left -= 1
            frame_id = self._settings.frame_id
            self._outbox += [TwistCommand(role, frame_id) for role in TwistRole if role in roles]
