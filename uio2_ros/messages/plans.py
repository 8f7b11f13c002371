"""Plans as messages and back."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import Pose
from std_msgs.msg import Header

from uio2_ros.messages.poses import pose_message, pose_of
from uio2_ros.messages.stamps import duration_message, seconds_of
from uio2_ros.msg import ActionStep, Plan
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose2D, planar_pose, yaw_of


def plan_message(plan: TaskPlan | None, instruction: str, header: Header) -> Plan:
    """The plan, stamped like the picture, in the frame of its action space.

    An action space without a frame of its own (frame_id "") speaks of the picture's.
    """
    if plan is None:
        return Plan(header=header)
    return Plan(
        header=Header(stamp=header.stamp, frame_id=plan.frame_id or header.frame_id),
        instruction=instruction,
        action_space=plan.action_space,
        steps=[_step_message(step) for step in plan.steps],
    )


def _step_message(step: Step) -> ActionStep:
    return ActionStep(
        kind=int(step.kind),
        name=step.name,
        start=planar_message(step.start),
        end=planar_message(step.end),
        dimension_names=list(step.dimension_names),
        values=[float(value) for value in step.values],
        time_from_start=duration_message(step.time_from_start_s),
    )


def planar_message(pose: Pose2D | None) -> Pose:
    """A pose on the plane z = 0; the identity for None."""
    return Pose() if pose is None else pose_message(planar_pose(pose))


def plan_of(message: Any) -> TaskPlan:
    """The plan of a Plan; PlanError INVALID_PLAN for unknown kinds and for poses and values that
    are not finite, or poses that are tilted. Heights are not looked at."""
    steps = tuple(_step(step, index) for index, step in enumerate(message.steps))
    return TaskPlan(message.action_space, steps, message.header.frame_id)


def stamped_plan_of(message: Any) -> tuple[TaskPlan, float]:
    """The plan, and when its picture was taken, seconds; PlanError STALE_PLAN without a stamp."""
    stamp_s = seconds_of(message.header.stamp)
    if not stamp_s:
        raise PlanError(
            Cause.STALE_PLAN,
            "the header of the plan has no stamp; give the time of the picture it is about",
        )
    return plan_of(message), stamp_s


def _step(message: Any, index: int) -> Step:
    try:
        kind = ActionKind(message.kind)
    except ValueError:
        raise _invalid(
            f"step {index} is of kind {message.kind}; expected "
            + ", ".join(f"{kind.name} {int(kind)}" for kind in ActionKind)
        ) from None
    values = tuple(map(float, message.values))
    if not all(map(math.isfinite, values)):
        raise _invalid(f"the values of step {index}, {values}, are not finite")
    return Step(
        kind=kind,
        name=message.name,
        start=_planar(message.start, f"the start of step {index}") if kind.has_poses else None,
        end=_planar(message.end, f"the end of step {index}") if kind.has_poses else None,
        dimension_names=tuple(message.dimension_names),
        values=values,
        time_from_start_s=seconds_of(message.time_from_start),
    )


def _planar(message: Any, where: str) -> Pose2D:
    try:
        pose = pose_of(message)
        return Pose2D(*pose.position[:2], yaw_of(pose.quaternion_wxyz))
    except ValueError as error:
        raise _invalid(f"{where}: {error}") from None


def _invalid(message: str) -> PlanError:
    return PlanError(Cause.INVALID_PLAN, message)
