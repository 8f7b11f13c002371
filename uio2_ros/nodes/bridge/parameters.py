"""The parameters of the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from uio2_ros.control import BridgeSettings, PlanRun
from uio2_ros.settings import group, setting


class Watched(Enum):
    """Goals whose clients are watched."""

    VELOCITIES = "velocities"
    ALL = "all"


@dataclass(frozen=True)
class ClientSettings:
    """The lease of `~/execute`: a goal does not outlive its client."""

    timeout_s: float = setting(
        5.0,
        "seconds without a sign of life after which the client of a goal is gone; 0: never",
        name="timeout",
    )
    watched: Watched = setting(Watched.VELOCITIES, "goals that stop then")

    def watches(self, run: PlanRun) -> bool:
        """Whether a plan is to end with its client."""
        return self.watched is Watched.ALL or run.motion.drives


@dataclass(frozen=True)
class BridgeNodeSettings:
    """Everything that can be chosen. What is no part of `control` concerns the node alone."""

    action_spaces: str = setting("", "folder of action-space files; empty: that of the package")
    follow: bool = setting(
        False, "true: what comes on plan_topic moves the robot at once; false: goals only"
    )
    plan_topic: str = setting("agent/plan", "where the agent tells its plans")
    control: BridgeSettings = group(BridgeSettings)
    agent_timeout_s: float = setting(
        3.0,
        "seconds of silence on history_state after which the agent is gone; 0: never",
        name="agent_timeout",
    )
    client: ClientSettings = group(ClientSettings, "client")
    clock_timeout_s: float = setting(
        1.0,
        "seconds that simulated time may stand before all is stopped; 0: for ever",
        name="clock_timeout",
    )
    navigate_to_pose: str = setting("navigate_to_pose", "name of nav2's action")
    follow_joint_trajectory: str = setting(
        "follow_joint_trajectory", "name of the joint trajectory controller's action"
    )
    parallel_gripper_command: str = setting(
        "gripper_controller/gripper_cmd", "name of the gripper controller's action"
    )
    controller_wait_s: float = setting(
        2.0, "seconds to wait for an action server", name="controller_wait"
    )
    cancel_timeout_s: float = setting(
        2.0, "seconds an action server may take to end a cancelled goal", name="cancel_timeout"
    )
    stamped_cmd_vel: bool = setting(True, "cmd_vel is TwistStamped; false: Twist")
    diagnostics_period_s: float = setting(
        1.0, "seconds between diagnostics", low=0.05, high=60.0, name="diagnostics_period"
    )
