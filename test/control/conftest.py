"""A follower with the shipped action spaces, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from uio2_ros.control import (
    BridgeSettings,
    FreshFrames,
    JointStates,
    Outcome,
    PlanFollower,
)
from uio2_ros.control.commands import Command
from uio2_ros.control.gate.gate import MotionGate
from uio2_ros.control.gate_settings import CapSettings, GateSettings, StartSettings
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

HOME = (0.0, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0)
"""Of the arm, rad."""
JOINTS = tuple(f"joint{number}" for number in range(1, 8))


SPACES = load_action_spaces()
OPEN_GATE = GateSettings(
    blend_in_s=0.0, caps=CapSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), start=StartSettings(0.0, 0.0)
)
"""Lets everything pass, so that other tests see the other limits."""


@pytest.fixture
def spaces() -> dict[str, ActionSpace]:
    """The shipped ones; a test may add its own."""
    return dict(SPACES)


@dataclass
class Rig:
    """A follower, and what it said."""

    follower: PlanFollower
    frames: FreshFrames
    joints: JointStates
    settings: BridgeSettings
    gate: MotionGate
    now_s: float = 100.0
    outcomes: list[Outcome] = field(default_factory=list)

    def start(self, plan: TaskPlan, age_s: float = 0.0, **options: object) -> None:
        self.follower.start(
            plan,
            self.now_s - age_s,
            self.now_s,
            on_end=self.outcomes.append,
            **options,  # type: ignore[arg-type]
        )

    def tick(self) -> Sequence[Command]:
        """One period later: what was said since the last call."""
        self.now_s += self.settings.period_s
        self.follower.tick(self.now_s)
        return self.follower.take()

    def ticks(self, seconds: float) -> list[Command]:
        return [
            command
            for _ in range(round(seconds / self.settings.period_s))
            for command in self.tick()
        ]

    def at_home(self) -> None:
        """The joints are heard at home."""
        self.joints.hear(dict(zip(JOINTS, HOME, strict=True)), self.now_s)


@pytest.fixture
def make_rig(spaces: dict[str, ActionSpace]) -> Callable[..., Rig]:
    """make_rig(setting=value, ...); plans are carried out, and the gate is open if not told."""

    def make(**changes: object) -> Rig:
        usual = BridgeSettings(dry_run=False, gate=OPEN_GATE)
        settings = replace(usual, **changes)  # type: ignore[arg-type]
        frames = FreshFrames(settings.tf_max_age_s)
        joints = JointStates(settings.joint_state_timeout_s)
        gate = MotionGate(settings, frames, joints)
        follower = PlanFollower(spaces, settings, frames, joints, gate)
        return Rig(follower, frames, joints, settings, gate)

    return make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


def moves(*names: str, frame_id: str = "base_link") -> TaskPlan:
    """A plan of discrete moves."""
    steps = tuple(Step(ActionKind.DISCRETE, name) for name in names)
    return TaskPlan("pointnav", steps, frame_id)


def pick_place(count: int = 1, x: float = 0.5, frame_id: str = "base_link") -> TaskPlan:
    """A plan of equal steps."""
    step = Step(ActionKind.PICK_PLACE, "", Pose2D(x, 0.1, 0.0), Pose2D(x, -0.1, 1.0))
    return TaskPlan("vima", (step,) * count, frame_id)


def chunk_plan(
    space: ActionSpace, values: Sequence[Sequence[float]], frame_id: str = "base_link"
) -> TaskPlan:
    """A plan of continuous steps at the space's rate."""
    names = space.dimension_names
    steps = [
        Step(ActionKind.CONTINUOUS, "", dimension_names=names, values=tuple(row)) for row in values
    ]
    return TaskPlan(space.name, tuple(steps), frame_id)
