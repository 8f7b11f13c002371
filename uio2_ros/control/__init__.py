"""From plans to commands for controllers, and the watchdog that stops them. No ROS, no torch.

A `PlanFollower` carries out one plan at a time: the `Planner` makes a `Motion` of it, which gives
the commands of each control period, and a gate lets them pass (`uio2_ros.control.gate`, which
stands on what is here). `uio2_ros.nodes.bridge` connects this to topics and actions.
"""

from uio2_ros.control.axes import Axes
from uio2_ros.control.chunks import Chunk, ChunkBlender
from uio2_ros.control.clock_watch import ClockWatch
from uio2_ros.control.follower import Outcome, PlanFollower, PlanRun
from uio2_ros.control.frames import FreshFrames
from uio2_ros.control.joints import JointStates
from uio2_ros.control.limiter import Limiter
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.control.settings import (
    ArmInterface,
    Blend,
    BlendSettings,
    BridgeSettings,
    GripperInterface,
    HandOverSettings,
    Navigation,
    Origin,
    SpeedSettings,
)
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose3D

__all__ = [
    "ArmInterface",
    "Axes",
    "Blend",
    "BlendSettings",
    "BridgeSettings",
    "Cause",
    "Chunk",
    "ChunkBlender",
    "ClockWatch",
    "FreshFrames",
    "GripperInterface",
    "HandOverSettings",
    "JointStates",
    "Limiter",
    "Motion",
    "Navigation",
    "Origin",
    "Outcome",
    "PlanError",
    "PlanFollower",
    "PlanProgress",
    "PlanRun",
    "Pose3D",
    "SpeedSettings",
]
