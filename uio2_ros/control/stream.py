"""Continuous actions: chunks of steps as a stream of commands, one per period.

Absolute joint positions become joint trajectories, absolute poses target poses; velocities and
relative motions become twists, so that they end by themselves when nothing more comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from uio2_ros.control.axes import (
    SLOTS,
    Array,
    Axes,
    Drive,
    drive_of,
    indices_of,
    joint_name,
    joints_of,
    slot_of,
)
from uio2_ros.control.chunks import Chunk, ChunkBlender
from uio2_ros.control.commands import (
    Command,
    GripperCommand,
    JointCommand,
    JointPoint,
    PoseCommand,
    PoseRole,
    SwitchCommand,
    TrajectoryGoal,
    TwistCommand,
    TwistRole,
)
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.gate_settings import shortened
from uio2_ros.control.joints import JointStates
from uio2_ros.control.limiter import Limiter
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.control.settings import ArmInterface, BridgeSettings, GripperInterface, SpeedSettings
from uio2_ros.robot.action_space import ActionSpace, Dimension
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose3D, from_roll_pitch_yaw

SETTLED = 1e-3
"""Rad or m from a target that count as there, where the action space does not say."""
MOVED = 1e-5
"""Rad or m of a relative motion that are left when it counts as made."""
LONGEST_PREVIEW_S = 60.0
"""Of a trajectory made for a goal: one whose speeds are far below its steps' would not end."""


class Stream(Motion):
    """Carries out chunks of one action space, which blend: `extend` takes the next chunk over."""

    def __init__(
        self,
        space: ActionSpace,
        settings: BridgeSettings,
        joints: JointStates,
        *,
        frame_id: str,
        placed: Pose3D,
        engagement: Engagement,
    ) -> None:
        """placed: the pose of the space's frame in the frame `frame_id` of the commands."""
        self._engagement = engagement
        self.space = space
        self._settings = settings
        self._joints = joints
        self._frame_id = frame_id
        self.placed = placed
        self._axes = self._axes_of(settings.speed)
        self._blender = ChunkBlender(self._axes, settings.blend)
        self._limiter: Limiter | None = None
        self._goal_due = False
        self._goal_open = False
        self._failure: PlanError | None = None
        self._told: dict[str, float] = {}  # to grippers and switches
        self._is_due = False  # the newest chunk, with the next commands
        self._began_s = math.inf  # with the newest chunk
        self._covered_s = math.inf  # until when there are commands
        self._over_s = math.inf  # since when all commands lead where the newest chunk does

    @property
    def drives(self) -> bool:
        """Whether any of it is a velocity."""
        return bool(self._axes.is_velocity.any())

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints that are moved to positions."""
        return joints_of(self.space)

    def extend(self, chunk: Chunk, now_s: float, *, at_once: bool = False) -> None:
        """Goes over to a newer chunk, blending. PlanError NO_STATE if joints are not known.

        at_once: it begins now, which is with the next commands, so that none of it is lost.
        """
        self._joints.expect(self.joints, now_s)
        if self._limiter is None:
            self._limiter = Limiter(self._axes, self._start(now_s), self._settings.period_s)
            self._covered_s = now_s
        speeds = chunk.values / chunk.lengths_s[:, np.newaxis]
        started = replace(
            chunk,
            origin_s=max(chunk.origin_s, now_s),
            values=np.where(self._axes.is_relative, speeds, chunk.values),
            start=self._limiter.value,
        )
        self._blender.add(started, now_s)
        self._goal_due = self._sends_goals
        self._began_s, self._over_s = now_s, math.inf
        self._is_due = at_once

    def commands(self, now_s: float) -> Sequence[Command]:
        """One command for each controller of the space."""
        self._joints.expect(self.joints, now_s)
        if self._is_due:
            self._blender.postpone(now_s - self._began_s)
            self._is_due = False
        commands = [*self._goal(now_s)]
        limiter, period_s = self._moving(), self._settings.period_s
        limiter.lasted(now_s - self._covered_s + period_s)
        wanted = self._wanted(self._covered_s, now_s, now_s + period_s)
        values = limiter.follow(wanted, self._engagement.scale(now_s + period_s))
        self._covered_s = now_s + period_s
        if self.joints and not self._sends_goals:
            commands.append(self._joint_command(values))
        commands += [*self._twist(values), *self._pose(values, now_s)]
        return [*commands, *self._grip(values), *self._switch(values)]

    def halt(self, now_s: float) -> Sequence[Command]:
        """Joints and poses where they are, the rest as it is."""
        values = self._resting(now_s)
        holds = self.joints and not self._sends_goals
        return [*([self._joint_command(values)] if holds else []), *self._pose(values, now_s)]

    def progress(self, now_s: float) -> PlanProgress:
        """Over when the last step is, positions are reached and the controller says so."""
        if self._failure is not None:
            raise self._failure
        chunk = self._blender.newest
        steps, length_s = len(chunk.ends_s), chunk.end_s - self._began_s
        fraction = min(max((now_s - self._began_s) / length_s, 0.0), 1.0)
        over = now_s >= chunk.end_s and self._is_settled(now_s) and not self._goal_open
        done = over and self._is_reached(now_s)
        return PlanProgress(min(chunk.passed(now_s), steps - 1), steps, fraction, done)

    def reported(self, failure: PlanError | None) -> None:
        self._goal_open, self._failure = False, failure

    def limit(self, speeds: SpeedSettings) -> None:
        """Keeps to other speeds from now on."""
        self._axes = self._axes_of(speeds)
        self._blender.axes = self._axes
        if self._limiter is not None:
            self._limiter.axes = self._axes

    # Inside.

    def _axes_of(self, speeds: SpeedSettings) -> Axes:
        by_action = self._settings.gripper is GripperInterface.PARALLEL_GRIPPER_COMMAND
        return Axes.of(self.space, speeds, self._settings.gate.caps, grippers_jump=by_action)

    @property
    def _sends_goals(self) -> bool:
        return self._settings.arm is ArmInterface.FOLLOW_JOINT_TRAJECTORY and bool(self.joints)

    def _indices(self, drive: Drive) -> list[int]:
        return indices_of(self.space, drive)

    def _moving(self) -> Limiter:
        if self._limiter is None:
            raise RuntimeError("a stream has no commands before its first chunk")
        return self._limiter

    def _start(self, now_s: float) -> Array:
        """Where each axis is: velocities 0, joints where they were heard, the rest unknown."""
        return np.array([self._start_of(item, now_s) for item in self.space.dimensions])

    def _start_of(self, item: Dimension, now_s: float) -> float:
        drive = drive_of(item)
        if drive is Drive.TWIST:
            return 0.0
        known = drive in (Drive.JOINT, Drive.GRIPPER)
        return self._joints.at(joint_name(item), now_s) if known else math.nan

    def _resting(self, now_s: float) -> Array:
        """(D,) where to stay: where joints were heard, else what was last told."""
        told = self._moving().value
        heard = np.full_like(told, np.nan)
        for index in self._indices(Drive.JOINT):
            heard[index] = self._joints.at(joint_name(self.space.dimensions[index]), now_s)
        return np.where(np.isnan(heard), told, heard)

    def _wanted(self, covered_s: float, from_s: float, to_s: float) -> Array:
        """(D,) targets for a period; of relative motions all that is due since covered_s."""
        wanted = self._blender.over(from_s, to_s)
        if not self._axes.is_relative.any():
            return wanted
        way = self._blender.over(covered_s, to_s) * (to_s - covered_s)
        return np.where(self._axes.is_relative, way, wanted)

    def _is_settled(self, time_s: float, limiter: Limiter | None = None) -> bool:
        """Whether the commands are where the chunks lead."""
        limiter, axes = limiter or self._moving(), self._axes
        wanted = self._wanted(time_s, time_s, time_s + self._settings.period_s)
        target = np.clip(wanted, axes.low, axes.high)
        left = np.abs(axes.way(limiter.value, target))
        near = np.array([item.tolerance or SETTLED for item in self.space.dimensions])
        return bool((left <= np.where(axes.is_relative, MOVED, near)).all())

    def _is_reached(self, now_s: float) -> bool:
        """Whether the joints are seen where the last step leads; PlanError if not in time."""
        if self._settings.joint_state_timeout_s <= 0:
            return True
        self._over_s = min(self._over_s, now_s)
        off = self._joints_off(now_s)
        if off and now_s - self._over_s >= self._settings.goal_s:
            raise PlanError(
                Cause.GOAL_TOLERANCE_VIOLATED,
                f"{self._settings.goal_s:g} s after the plan's end joint_states say that "
                f"{', '.join(off)}; does the controller follow? Where it is slow, lower max_rate "
                "in the action space, or raise goal.seconds or goal.tolerance",
            )
        return not off

    def _joints_off(self, now_s: float) -> list[str]:
        """The joints that are not at their last target, with how far they are off."""
        target = self._blender.newest.values[-1]
        off = []
        for index in self._indices(Drive.JOINT):
            item = self.space.dimensions[index]
            at = self._joints.at(joint_name(item), now_s)
            tolerance = item.tolerance or self._settings.goal_tolerance
            if not abs(at - target[index]) <= tolerance:
                off.append(f"{joint_name(item)} is at {at:.3f} instead of {target[index]:.3f}")
        return off

    def _goal(self, now_s: float) -> Iterator[Command]:
        """The trajectory of a chunk that has just come, as a goal."""
        if not self._goal_due:
            return
        self._goal_due, self._goal_open = False, True
        yield TrajectoryGoal(self.joints, tuple(self._preview(now_s)))

    def _preview(self, now_s: float) -> Iterator[JointPoint]:
        """The commands to come, if nothing else does."""
        limiter, period_s = self._moving().copy(), self._settings.period_s
        most = round(LONGEST_PREVIEW_S / period_s)
        for tick in range(1, most + 1):
            time_s = now_s + tick * period_s
            wanted = self._wanted(time_s - period_s, time_s - period_s, time_s)
            values = limiter.follow(wanted, self._engagement.scale(time_s))
            over = time_s >= self._blender.newest.end_s and self._is_settled(time_s, limiter)
            speeds = np.zeros_like(values) if over or tick == most else limiter.speed
            yield JointPoint(tick * period_s, self._of_joints(values), self._of_joints(speeds))
            if over:
                return

    def _of_joints(self, values: Array) -> tuple[float, ...]:
        return tuple(values[self._indices(Drive.JOINT)].tolist())

    def _joint_command(self, values: Array) -> JointCommand:
        """Without a velocity: that of a last point must be 0 for joint_trajectory_controller."""
        point = JointPoint(self._settings.period_s, self._of_joints(values))
        return JointCommand(self.joints, (point,))

    def _twist(self, values: Array) -> Iterator[Command]:
        indices = self._indices(Drive.TWIST)
        if not indices:
            return
        x, y, z, roll, pitch, yaw = self._in_slots(indices, values)
        role = TwistRole.TIP if self.space.tip_frame_id else TwistRole.BASE
        caps = self._settings.gate.caps
        linear = self.placed.turn(shortened((x, y, z), caps.linear_speed))
        angular = self.placed.turn(shortened((roll, pitch, yaw), caps.angular_speed))
        yield TwistCommand(role, self._frame_id, linear, angular)

    def _pose(self, values: Array, now_s: float) -> Iterator[Command]:
        indices = self._indices(Drive.POSE)
        if not indices or np.isnan(values[indices]).any():
            return
        x, y, z, *turn = self._in_slots(indices, values)
        turns = any(slot_of(self.space.dimensions[index]) >= 3 for index in indices)
        tool = self._settings.pick_place.tool
        quaternion = from_roll_pitch_yaw(*turn) if turns else tool
        pose = self.placed.then(Pose3D((x, y, z), quaternion))
        yield PoseCommand(PoseRole.TARGET, self._frame_id, pose, now_s)

    def _in_slots(self, indices: Sequence[int], values: Array) -> list[float]:
        slots = [0.0] * SLOTS
        for index in indices:
            slots[slot_of(self.space.dimensions[index])] = float(values[index])
        return slots

    def _grip(self, values: Array) -> Iterator[Command]:
        """Only what is new: a gripper command is an event for most grippers."""
        for item, position in self._changed(Drive.GRIPPER, values):
            yield GripperCommand(joint_name(item), position, item.max_rate)

    def _switch(self, values: Array) -> Iterator[Command]:
        """Only what is new, too."""
        for item, level in self._changed(Drive.SWITCH, values):
            yield SwitchCommand(joint_name(item), level)

    def _changed(self, drive: Drive, values: Array) -> Iterator[tuple[Dimension, float]]:
        for index in self._indices(drive):
            item, value = self.space.dimensions[index], float(values[index])
            if not math.isnan(value) and self._told.get(item.name) != value:
                self._told[item.name] = value
                yield item, value
