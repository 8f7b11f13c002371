"""Between ROS messages and the ROS-free plans and commands of `uio2_ros.control`. No node."""

from __future__ import annotations

import math
from collections.abc import Sequence

from geometry_msgs.msg import (
    Point,
    Pose,
    PoseStamped,
    Quaternion,
    Transform,
    Twist,
    TwistStamped,
    Vector3,
)
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from uio2_ros.control import Cause, PlanError, Pose3D
from uio2_ros.control.commands import (
    JointPoint,
    NavigationGoal,
    PoseCommand,
    TwistCommand,
)
from uio2_ros.messages.stamps import duration_message, seconds_of, time_message
from uio2_ros.msg import ActionStep, Plan
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D, unit_quaternion, yaw_of
from uio2_ros.robot.time import to_ns

_WITH_POSES = (ActionKind.PICK_PLACE, ActionKind.PUSH)


def plan_of(message: Plan) -> tuple[TaskPlan, float]:
    """The plan, and the time its picture was taken; PlanError for what is no plan."""
    if not (message.header.stamp.sec or message.header.stamp.nanosec):
        raise PlanError(
            Cause.STALE_PLAN,
            "the header of the plan has no stamp; give the time of the picture it is about",
        )
    steps = tuple(_step(step, index) for index, step in enumerate(message.steps))
    plan = TaskPlan(message.action_space, steps, message.header.frame_id)
    return plan, seconds_of(message.header.stamp)


def _step(message: ActionStep, index: int) -> Step:
    try:
        kind = ActionKind(message.kind)
    except ValueError:
        raise PlanError(
            Cause.INVALID_PLAN,
            f"step {index} is of kind {message.kind}; expected "
            + ", ".join(f"{kind.name} {int(kind)}" for kind in ActionKind),
        ) from None
    has_poses = kind in _WITH_POSES
    return Step(
        kind=kind,
        name=message.name,
        start=_planar(message.start, f"the start of step {index}") if has_poses else None,
        end=_planar(message.end, f"the end of step {index}") if has_poses else None,
        dimension_names=tuple(message.dimension_names),
        values=tuple(message.values),
        time_from_start_s=seconds_of(message.time_from_start),
    )


def _planar(pose: Pose, where: str) -> Pose2D:
    """The pose without its height, which the bridge's parameters say."""
    q = pose.orientation
    try:
        yaw = yaw_of(unit_quaternion((q.w, q.x, q.y, q.z)))
    except ValueError as error:
        raise PlanError(Cause.INVALID_PLAN, f"{where}: {error}") from None
    return Pose2D(pose.position.x, pose.position.y, yaw)


def transform_of(message: Transform) -> Pose3D:
    """ValueError for a transform of numbers that are none."""
    t, q = message.translation, message.rotation
    if not all(map(math.isfinite, (t.x, t.y, t.z))):
        raise ValueError(f"the translation {t.x}, {t.y}, {t.z} is not finite")
    return Pose3D((t.x, t.y, t.z), unit_quaternion((q.w, q.x, q.y, q.z)))


def pose_message(pose: Pose3D) -> Pose:
    """Position and orientation."""
    x, y, z = pose.position
    w, i, j, k = pose.quaternion_wxyz
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=w, x=i, y=j, z=k))


def pose_stamped(command: PoseCommand | NavigationGoal) -> PoseStamped:
    """A pose with its frame and time."""
    header = Header(stamp=time_message(to_ns(command.stamp_s)), frame_id=command.frame_id)
    return PoseStamped(header=header, pose=pose_message(command.pose))


def twist_message(command: TwistCommand) -> Twist:
    """Velocities."""
    x, y, z = command.linear
    roll, pitch, yaw = command.angular
    return Twist(linear=Vector3(x=x, y=y, z=z), angular=Vector3(x=roll, y=pitch, z=yaw))


def twist_stamped(command: TwistCommand, now_s: float) -> TwistStamped:
    """Velocities with their frame and time."""
    header = Header(stamp=time_message(to_ns(now_s)), frame_id=command.frame_id)
    return TwistStamped(header=header, twist=twist_message(command))


def trajectory_message(joints: Sequence[str], points: Sequence[JointPoint]) -> JointTrajectory:
    """Points from now on: without a stamp, controllers begin when they get it."""
    return JointTrajectory(
        joint_names=list(joints),
        points=[
            JointTrajectoryPoint(
                positions=point.positions,
                velocities=point.velocities,
                time_from_start=duration_message(point.time_s),
            )
            for point in points
        ],
    )


def value_message(name: str, value: float, now_s: float) -> JointState:
    """The opening of a gripper or the level of a switch, under its name."""
    return JointState(
        header=Header(stamp=time_message(to_ns(now_s))), name=[name], position=[value]
    )
