"""The gate: what has to be true before a plan begins, and of every command."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from uio2_ros.control.asked_motion import AskedMotion
from uio2_ros.control.axes import Array
from uio2_ros.control.commands import (
    Command,
    JointCommand,
    NavigationGoal,
    PoseCommand,
    TrajectoryGoal,
    TwistCommand,
    TwistRole,
)
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.frames import FreshFrames
from uio2_ros.control.gate.emergency_stop import EmergencyStop
from uio2_ros.control.gate.robot_description import description_in
from uio2_ros.control.gate.scene import SceneMemory
from uio2_ros.control.gate.workspace import read_workspace
from uio2_ros.control.joints import JointStates
from uio2_ros.control.settings import BridgeSettings
from uio2_ros.robot.plan_errors import Cause, PlanError, Where

ROUNDING = 1e-6
JOINT_PIECE = 0.02
"""Rad or m of a joint between two looks at where the links are."""
MOST_PIECES = 2000
SETTLING_S = 0.5
"""After a motion: pictures show how the robot comes to rest, which is no change of the scene."""


class MotionGate:
    """One thread. Nothing in it comes from the model but the plan itself."""

    def __init__(self, settings: BridgeSettings, frames: FreshFrames, joints: JointStates) -> None:
        """WorkspaceError or RobotDescriptionError for a file of the settings that is wrong."""
        self._settings = settings.gate
        self._frames = frames
        self._joints = joints
        self._period_s = settings.period_s
        self._moved_s = -math.inf
        self._tip_frame_id = ""
        self._looked_at: Command | None = None
        """What was refused, if the last period's commands did not pass."""
        self.workspace = read_workspace(settings.gate.workspace)
        self.robot = description_in(settings.gate.robot_description)
        self.dry_run = settings.dry_run
        self.estop = EmergencyStop(settings.gate.estop_heartbeat_s)
        self.scene = SceneMemory(settings.gate.scene.threshold, settings.max_age_s)
        self.engagement = Engagement(settings.gate.blend_in_s)

    def expect_open(self) -> None:
        """PlanError ESTOP or ESTOP_LOST while the emergency stop says that nothing may move."""
        if (problem := self.estop.problem) is not None:
            raise PlanError(problem.cause, problem.message)

    def judge(
        self, asked: AskedMotion, stamp_s: float, now_s: float, *, tip_frame_id: str = ""
    ) -> None:
        """PlanError for what a plan about the world at `stamp_s` must not do.

        tip_frame_id: the frame that its twists move; "": the base. DRY_RUN if nothing was wrong,
        and nothing is to move.
        """
        self._expect_near(asked)
        self._expect_speeds(asked)
        self._expect_accelerations(asked)
        self.robot.expect_within(asked.joints, asked.joint_positions)
        self.robot.expect_speeds(asked.joints, np.abs(asked.joint_speeds))
        self._expect_clear(asked, now_s)
        if stamp_s - self._moved_s > SETTLING_S:
            self.scene.expect_same(stamp_s, now_s)
        if self.dry_run:
            raise PlanError(
                Cause.DRY_RUN,
                f"nothing moves, because dry_run is on; the plan would move {asked}. To carry "
                "plans out, set the bridge's parameter dry_run to false",
                Where.of(asked.frame_id, *asked.path),
            )
        self._tip_frame_id = tip_frame_id
        self.engagement.begin(now_s)

    def passed(self, commands: Sequence[Command], now_s: float) -> Sequence[Command]:
        """The commands of a period in which a plan is under way, as they are; PlanError if one of
        them must not be sent. Without any the robot may still be at those before."""
        self.expect_open()
        for command in commands:
            self._looked_at = command
            self._expect_harmless(command, now_s)
        self._looked_at = None
        self._moved_s = now_s
        return commands

    def held(self, commands: Sequence[Command]) -> Sequence[Command]:
        """The commands of a halt, but for what was refused in the same period: a motion that does
        not know where the robot is holds what it meant to say last, and who is told positions stays
        at the last that passed.
        """
        return [command for command in commands if command != self._looked_at]

    # A plan.

    def _expect_near(self, asked: AskedMotion) -> None:
        most = self._settings.start
        far = np.abs(np.nan_to_num(asked.joint_start))
        if most.joint > 0 and len(far) and far.max() > most.joint + ROUNDING:
            raise PlanError(
                Cause.FAR_START,
                f"the first step of {asked.joints[far.argmax()]} is {far.max():.2f} rad or m from "
                f"where it is, at most {most.joint:g} are allowed (gate.start.joint); ask again",
            )
        distance = float(np.linalg.norm(asked.start))
        if most.linear > 0 and distance > most.linear + ROUNDING:
            raise PlanError(
                Cause.FAR_START,
                f"the first step is {distance:.2f} m from where the tip is, at most "
                f"{most.linear:g} m are allowed (gate.start.linear); ask again",
                Where.of(asked.frame_id, *asked.path[:2]),
            )

    def _expect_speeds(self, asked: AskedMotion) -> None:
        caps = self._settings.caps
        most = caps.linear_speed, caps.angular_speed, caps.joint_speed
        rates = asked.linear, asked.angular, asked.joint_speeds
        _expect_rates(asked, rates, most, Cause.SPEED_LIMIT, "s", "speed")

    def _expect_accelerations(self, asked: AskedMotion) -> None:
        """From step to step; the beginning and the end are ramps of ours."""
        if len(asked.lengths_s) < 2:
            return
        caps = self._settings.caps
        most = caps.linear_acceleration, caps.angular_acceleration, caps.joint_acceleration
        between_s = (asked.lengths_s[1:] + asked.lengths_s[:-1])[:, np.newaxis] / 2
        rates = asked.linear, asked.angular, asked.joint_speeds
        changes = [np.diff(rate, axis=0) / between_s for rate in rates]
        _expect_rates(asked, changes, most, Cause.ACCELERATION_LIMIT, "s^2", "acceleration")

    def _expect_clear(self, asked: AskedMotion, now_s: float) -> None:
        if len(asked.path):
            self.workspace.expect_clear(asked.path, asked.frame_id, self._frames, now_s, asked.what)
        if asked.joints:
            start = asked.joint_positions[:1] - np.nan_to_num(asked.joint_start)
            rows = np.vstack((start, asked.joint_positions))
            self._expect_links_clear(asked.joints, rows, now_s)

    def _expect_links_clear(self, joints: Sequence[str], rows: Array, now_s: float) -> None:
        """For (N, J) positions of joints, and what is between them."""
        if not self.workspace.zones or not joints:
            return
        if not set(joints) & set(self.robot.names):
            raise PlanError(
                Cause.NO_STATE,
                "nobody says where the arm is in its workspace: the robot's description, on "
                "robot_description or in the file of gate.robot_description, lacks "
                f"{', '.join(joints)}",
            )
        places = self.robot.places(self._positions(joints, _between(rows), now_s), joints)
        for link in places:
            self.workspace.expect_clear(link, self.robot.root, self._frames, now_s, "a link")

    def _positions(self, joints: Sequence[str], rows: Array, now_s: float) -> Mapping[str, Array]:
        """(N,) of each joint: as commanded, else where it is. PlanError NO_STATE if nobody says."""
        told = dict(zip(joints, rows.T, strict=True))
        others = [name for name in self.robot.names if name not in told]
        still = {name: self._joints.at(name, now_s) for name in others}
        if unknown := [name for name, at in still.items() if math.isnan(at)]:
            raise PlanError(
                Cause.NO_STATE,
                f"joint_states says nothing new of {', '.join(unknown)}, so that nobody knows "
                "where the arm is in its workspace; have all joints of robot_description published",
            )
        return {**{name: np.full(len(rows), at) for name, at in still.items()}, **told}

    # A command.

    def _expect_harmless(self, command: Command, now_s: float) -> None:
        if isinstance(command, TwistCommand):
            self._expect_twist(command, now_s)
        elif isinstance(command, JointCommand | TrajectoryGoal):
            rows = np.array([point.positions for point in command.points])
            self.robot.expect_within(command.joints, rows)
            self._expect_links_clear(command.joints, rows, now_s)
        elif isinstance(command, PoseCommand | NavigationGoal):
            self._expect_pose(command, now_s)

    def _expect_pose(self, command: PoseCommand | NavigationGoal, now_s: float) -> None:
        there = np.array([command.pose.position])
        what = "a pose that is commanded"
        self.workspace.expect_clear(there, command.frame_id, self._frames, now_s, what)

    def _expect_twist(self, command: TwistCommand, now_s: float) -> None:
        caps = self._settings.caps
        for vector, cap, what in (
            (command.linear, caps.linear_speed, "m/s (gate.speed.linear)"),
            (command.angular, caps.angular_speed, "rad/s (gate.speed.angular)"),
        ):
            speed = np.array([math.hypot(*vector)])
            _expect_at_most(speed, cap, Cause.SPEED_LIMIT, what, None)
        if not self.workspace.zones:
            return
        moved = self._tip_frame_id if command.role is TwistRole.TIP else command.frame_id
        here = self._frames.pose_of(moved, command.frame_id, now_s).position
        there = np.add(here, np.multiply(command.linear, self._period_s))
        self.workspace.expect_clear(
            np.array([here, there]), command.frame_id, self._frames, now_s, "a velocity"
        )


def _expect_rates(
    asked: AskedMotion,
    rates: Sequence[Array],
    caps: Sequence[float],
    cause: Cause,
    per: str,
    setting: str,
) -> None:
    """PlanError unless (N, 3) rates along and about axes, and (N, J) of joints, keep to the caps.

    per: their unit of time; setting: the part of the caps' names that they share.
    """
    linear, angular, joints = rates
    where = Where.of(asked.frame_id, *asked.path)
    for rate, cap, unit, name in (
        (linear, caps[0], "m", "linear"),
        (angular, caps[1], "rad", "angular"),
    ):
        size = np.linalg.norm(rate, axis=1)
        _expect_at_most(size, cap, cause, f"{unit}/{per} (gate.{setting}.{name})", where)
    for joint, column in zip(asked.joints, np.abs(joints).T, strict=True):
        what = f"rad/{per} or m/{per} of {joint} (gate.{setting}.joint)"
        _expect_at_most(column, caps[2], cause, what, where)


def _expect_at_most(
    values: Array, cap: float, cause: Cause, what: str, where: Where | None
) -> None:
    if cap <= 0 or not len(values) or values.max() <= cap * (1 + ROUNDING):
        return
    step = int(values.argmax())
    raise PlanError(
        cause, f"step {step} asks for {values[step]:.2f} {what}; {cap:g} are allowed", where
    )


def _between(rows: Array) -> Array:
    """(M, J) the (N, J) positions and enough between them that no link goes far from one look to
    the next."""
    pieces = [rows[:1]]
    for begin, end in pairwise(rows):
        count = int(min(np.ceil(np.abs(end - begin).max() / JOINT_PIECE) + 1, MOST_PIECES))
        fractions = np.linspace(0, 1, count + 1)[1:, np.newaxis]
        pieces.append(begin + fractions * (end - begin))
    return np.vstack(pieces)
