"""From a plan to the motion that carries it out, or a PlanError that says why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from uio2_ros.control.asked_motion import (
    AskedMotion,
    asked_of_chunk,
    asked_of_moves,
    asked_of_poses,
)
from uio2_ros.control.axes import (
    Array,
    Axes,
    expect_drivable,
    expect_value,
    expect_values,
    joints_of,
)
from uio2_ros.control.chunks import Chunk
from uio2_ros.control.commands import NavigationGoal, PoseCommand, PoseRole
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.frames import FreshFrames
from uio2_ros.control.goal import GoalMotion
from uio2_ros.control.hand_over import HandOver
from uio2_ros.control.joints import JointStates
from uio2_ros.control.motion import Motion
from uio2_ros.control.moves import Displacement, TimedMoves, destination, displacement
from uio2_ros.control.settings import BridgeSettings, Navigation, Origin, SpeedSettings
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose2D, Pose3D, Vector3, planar_pose, tool_pose

KINDS: Mapping[SpaceKind, tuple[ActionKind, ...]] = {
    SpaceKind.PICK_PLACE: (ActionKind.PICK_PLACE, ActionKind.PUSH),
    SpaceKind.DISCRETE: (ActionKind.DISCRETE,),
    SpaceKind.CONTINUOUS: (ActionKind.CONTINUOUS,),
}

BLENDED_IN = 2 / 3
"""Of the acceleration of a ramp whose time runs faster and faster: its own changes by up to 3/2."""


def space_of(plan: TaskPlan, spaces: Mapping[str, ActionSpace]) -> ActionSpace:
    """The action space of a plan whose steps fit it; PlanError if they do not."""
    space = spaces.get(plan.action_space)
    if space is None:
        raise PlanError(
            Cause.INVALID_PLAN,
            f"the action space {plan.action_space!r} is not known; known are "
            f"{', '.join(sorted(spaces))}",
        )
    for index, step in enumerate(plan.steps):
        if step.kind not in KINDS[space.kind]:
            raise PlanError(
                Cause.INVALID_PLAN,
                f"step {index} is of kind {step.kind.name}, but {space.name!r} is a space of kind "
                f"{space.kind.value}",
            )
    return space


class Planner:
    """Makes motions. It knows the frames and the settings, and keeps nothing of a plan."""

    def __init__(
        self,
        settings: BridgeSettings,
        frames: FreshFrames,
        joints: JointStates,
        engagement: Engagement,
    ) -> None:
        self._settings = settings
        self._frames = frames
        self._joints = joints
        self._engagement = engagement

    def placed(self, plan: TaskPlan, space: ActionSpace, now_s: float) -> Pose3D:
        """The pose of the plan's frame in the bridge's; PlanError TF_ERROR if it is not known."""
        source = plan.frame_id or space.frame_id
        return self._frames.pose_of(source, self._settings.frame_id, now_s)

    def chunk(self, plan: TaskPlan, space: ActionSpace, origin_s: float) -> Chunk:
        """The steps of a continuous plan in time; PlanError if one does not fit the space."""
        expect_drivable(space)
        for index, step in enumerate(plan.steps):
            _expect_dimensions(space, step, index)
        begin_s, ends_s = _step_times(plan.steps, space)
        values = np.array([step.values for step in plan.steps], dtype=float)
        values = np.clip(values, *np.array([(d.low, d.high) for d in space.dimensions]).T)
        return Chunk(origin_s, origin_s + begin_s, origin_s + ends_s, values)

    def asked(self, chunk: Chunk, space: ActionSpace, placed: Pose3D, now_s: float) -> AskedMotion:
        """What a chunk asks for from now on."""
        frame_id, joints = self._settings.frame_id, joints_of(space)
        return asked_of_chunk(
            chunk.rest(now_s),
            space,
            Axes.of(space, self._settings.speed),
            frame_id=frame_id,
            placed=placed,
            joints=np.array([self._joints.at(joint, now_s) for joint in joints]),
            tip=self._tip(space, now_s),
        )

    def _tip(self, space: ActionSpace, now_s: float) -> Vector3 | None:
        """Where the tip is in the frame of the commands; None if nobody knows."""
        if not space.tip_frame_id:
            return None
        try:
            tip = self._frames.pose_of(space.tip_frame_id, self._settings.frame_id, now_s)
        except PlanError:
            return None
        return tip.position

    def pick_and_place(
        self, plan: TaskPlan, space: ActionSpace, stamp_s: float, now_s: float
    ) -> tuple[HandOver, AskedMotion]:
        """Poses for whoever plans the arm's motion, and what they ask for."""
        placed = self.placed(plan, space, now_s)
        steps = [
            self._pick_place_step(step, space, index, placed, stamp_s)
            for index, step in enumerate(plan.steps)
        ]
        return HandOver(steps, self._settings.hand_over), asked_of_poses(
            steps, self._settings.frame_id
        )

    def moves(
        self, plan: TaskPlan, space: ActionSpace, stamp_s: float, now_s: float
    ) -> tuple[Motion, AskedMotion]:
        """Discrete moves as velocities, a pose on a topic, or a goal, as the settings say."""
        source = plan.frame_id or space.frame_id
        moves = [_displacement(space, step, index) for index, step in enumerate(plan.steps)]
        settings = self._settings
        if settings.navigation is Navigation.CMD_VEL:
            turned = self.placed(plan, space, now_s)
            timed = TimedMoves(
                moves,
                settings.period_s,
                self._move_speed(now_s),
                frame_id=settings.frame_id,
                turned=turned,
                engagement=self._engagement,
            )
            return timed, asked_of_moves(moves, settings.frame_id, turned)
        asked = asked_of_moves(moves, source, Pose3D())
        there = planar_pose(destination(moves))
        if settings.goal_frame_id:
            there = self._frames.pose_of(source, settings.goal_frame_id, now_s).then(there)
            source = settings.goal_frame_id
        if settings.navigation is Navigation.NAVIGATE_TO_POSE:
            return GoalMotion(NavigationGoal(source, there, stamp_s), len(moves)), asked
        goal = PoseCommand(PoseRole.GOAL, source, there, stamp_s)
        here = PoseCommand(PoseRole.GOAL, settings.frame_id, Pose3D(), now_s)
        return HandOver([[goal]], settings.hand_over, at_halt=[here]), asked

    def _move_speed(self, now_s: float) -> SpeedSettings:
        """Of discrete moves. While they are blended in, the ramp and the rising scale add up."""
        speed = self._settings.speed.within(self._settings.gate.caps)
        if self._engagement.scale(now_s) >= 1:
            return speed
        return replace(
            speed,
            linear_acceleration=speed.linear_acceleration * BLENDED_IN,
            angular_acceleration=speed.angular_acceleration * BLENDED_IN,
        )

    def origin_s(self, stamp_s: float, now_s: float, *, on_demand: bool) -> float:
        """When the first step of a chunk is due."""
        follows_stamp = self._settings.origin is Origin.STAMP and not on_demand
        return stamp_s if follows_stamp else now_s

    def _pick_place_step(
        self, step: Step, space: ActionSpace, index: int, placed: Pose3D, stamp_s: float
    ) -> list[PoseCommand]:
        settings = self._settings.pick_place
        pushes = step.kind is ActionKind.PUSH
        heights = (
            (settings.push_height, settings.push_height)
            if pushes
            else (settings.pick_height, settings.place_height)
        )
        roles = (PoseRole.PICK, PoseRole.PLACE)
        poses = []
        for role, height, planar in zip(roles, heights, (step.start, step.end), strict=True):
            where = f"the {role.value} of step {index}"
            pose = tool_pose(_checked(planar, space, where), height, settings.tool)
            poses.append(PoseCommand(role, self._settings.frame_id, placed.then(pose), stamp_s))
        return poses


def _expect_dimensions(space: ActionSpace, step: Step, index: int) -> None:
    if step.dimension_names != space.dimension_names:
        raise PlanError(
            Cause.INVALID_PLAN,
            f"step {index} has the dimensions {', '.join(step.dimension_names) or 'none'}; "
            f"{space.name!r} has {', '.join(space.dimension_names)}",
        )
    expect_values(space, step.values, f"step {index}")


def _step_times(steps: Sequence[Step], space: ActionSpace) -> tuple[float, Array]:
    """When the first step begins and all end, seconds from the origin.

    The first lasts as long as the second, or a period where it is alone, but begins at 0 at the
    earliest. A first time that leaves it less than that, and less than a period, puts all off.
    """
    period_s = 1.0 / (space.rate_hz or 1.0)
    ends_s = np.array([step.time_from_start_s for step in steps], dtype=float)
    if not ends_s.any():
        ends_s = period_s * np.arange(1, len(steps) + 1)
    if not np.isfinite(ends_s).all() or (ends_s < 0).any() or (np.diff(ends_s) <= 0).any():
        raise PlanError(
            Cause.INVALID_PLAN,
            f"the times of the steps, {', '.join(f'{end_s:g}' for end_s in ends_s)} s, do not "
            "rise from 0; give none, or one later than the other",
        )
    length_s = float(ends_s[1] - ends_s[0]) if len(steps) > 1 else period_s
    ends_s += max(min(length_s, period_s) - ends_s[0], 0.0)
    return max(float(ends_s[0]) - length_s, 0.0), ends_s


def _displacement(space: ActionSpace, step: Step, index: int) -> Displacement:
    try:
        return displacement(space, step.name)
    except KeyError:
        known = ", ".join(action.name for action in space.actions)
        raise PlanError(
            Cause.INVALID_PLAN,
            f"step {index} is {step.name!r}, which {space.name!r} does not have; it has {known}",
        ) from None


def _checked(planar: Pose2D | None, space: ActionSpace, where: str) -> Pose2D:
    if planar is None:
        raise PlanError(Cause.INVALID_PLAN, f"{where} is missing; a step has a start and an end")
    yaw_range = space.dimensions[2]
    yaw = _into(planar.yaw, yaw_range.low, yaw_range.high)
    for dimension, value in zip(space.dimensions, (planar.x, planar.y, yaw), strict=True):
        expect_value(dimension, value, where)
    return planar


def _into(yaw: float, low: float, high: float) -> float:
    """The same direction, in the range if it is in it at all."""
    turns = np.floor((yaw - low) / (2 * np.pi)) if np.isfinite(yaw) else 0.0
    turned = float(yaw - 2 * np.pi * turns)
    return turned if turned <= high else yaw
