"""Commands of the bridge as messages."""

from __future__ import annotations

from collections.abc import Sequence

from geometry_msgs.msg import PoseStamped, Twist, TwistStamped, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from uio2_ros.control.commands import JointPoint, NavigationGoal, PoseCommand, TwistCommand
from uio2_ros.messages.poses import pose_message
from uio2_ros.messages.stamps import duration_message, time_message
from uio2_ros.robot.time import to_ns


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
