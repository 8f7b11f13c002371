"""The bridge's parameters: their descriptions, bounds and defaults, and their typed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from rclpy.node import Node

from uio2_ros.control import (
    Arm,
    Blend,
    BlendSettings,
    BridgeSettings,
    HandOverSettings,
    Navigation,
    Origin,
    PickPlaceSettings,
    SpeedSettings,
)
from uio2_ros.nodes.agent.parameters import Effect, Parameter
from uio2_ros.robot.poses import from_roll_pitch_yaw

Choice = TypeVar("Choice", bound=Enum)


def _choices(kinds: type[Enum]) -> str:
    return ", ".join(str(kind.value) for kind in kinds)


def _fixed(
    default: bool | float | str, description: str, low: float = 0.0, high: float = 1e6
) -> Parameter:
    return Parameter(default, description, Effect.RESTART, low, high)


PARAMETERS: dict[str, Parameter] = {
    "action_spaces": _fixed("", "folder of action-space files; empty: that of the package"),
    "frame": _fixed("base_link", "frame of the commands; plans in another need a transform"),
    "rate": _fixed(20.0, "control periods per second", low=1.0, high=500.0),
    "follow": _fixed(False, "true: what comes on plan moves the robot at once; false: goals only"),
    "max_age": _fixed(10.0, "seconds that the picture of a plan may be old", low=0.001),
    "timeout": _fixed(120.0, "seconds a plan may take where a goal does not say", low=0.001),
    "agent_timeout": _fixed(
        3.0, "seconds of silence on history_state after which the agent is gone; 0: never"
    ),
    "joint_state_timeout": _fixed(
        0.5, "seconds a joint position counts; 0: move arms without knowing where they are"
    ),
    "clock_timeout": _fixed(
        1.0, "seconds that simulated time may stand before all is stopped; 0: for ever"
    ),
    "tf_max_age": _fixed(5.0, "seconds a moving transform counts", low=0.001),
    "navigation": _fixed("cmd_vel", f"who carries out discrete moves: {_choices(Navigation)}"),
    "goal_frame": _fixed("", "frame of navigation goals, such as map; empty: that of the plan"),
    "arm": _fixed("trajectory", f"who carries out joint positions: {_choices(Arm)}"),
    "navigate_to_pose": _fixed("navigate_to_pose", "name of nav2's action"),
    "follow_joint_trajectory": _fixed(
        "follow_joint_trajectory", "name of the joint trajectory controller's action"
    ),
    "controller_wait": _fixed(2.0, "seconds to wait for an action server"),
    "stamped_cmd_vel": _fixed(True, "cmd_vel is TwistStamped; false: Twist"),
    "chunk.origin": _fixed(
        "stamp", f"when the first step of a chunk on plan is due: {_choices(Origin)}"
    ),
    "blend.mode": _fixed("crossfade", f"how overlapping chunks are blended: {_choices(Blend)}"),
    "blend.duration": _fixed(0.3, "seconds of a crossfade"),
    "blend.decay": _fixed(0.01, "how much less each newer chunk of an ensemble counts"),
    "speed.linear": _fixed(0.25, "m/s of discrete moves and of poses without max_rate", 0.001),
    "speed.angular": _fixed(0.5, "rad/s of the same", low=0.001),
    "speed.joint": _fixed(0.5, "rad/s or m/s of joints without max_rate", low=0.001),
    "acceleration.linear": _fixed(0.5, "m/s^2, of velocities without max_rate", low=0.001),
    "acceleration.angular": _fixed(1.0, "rad/s^2, of velocities without max_rate", low=0.001),
    "acceleration.joint": _fixed(2.0, "rad/s^2 or m/s^2 of joints", low=0.001),
    "pick_place.pick_height": _fixed(0.02, "metres above the plane", low=-100.0, high=100.0),
    "pick_place.place_height": _fixed(0.05, "metres above the plane", low=-100.0, high=100.0),
    "pick_place.push_height": _fixed(0.02, "metres above the plane", low=-100.0, high=100.0),
    "pick_place.roll": _fixed(
        math.pi, "radians, of the tool at yaw 0; pi: it points down", -10.0, 10.0
    ),
    "pick_place.pitch": _fixed(0.0, "radians, of the tool at yaw 0", low=-10.0, high=10.0),
    "pick_place.yaw": _fixed(0.0, "radians, of the tool at yaw 0", low=-10.0, high=10.0),
    "hand_over.step_seconds": _fixed(
        10.0, "seconds a pose on a topic may take to be reported on step_done", low=0.001
    ),
    "hand_over.confirm": _fixed(False, "a step that nobody reports failed; false: it is done"),
    "diagnostics_period": _fixed(1.0, "seconds between diagnostics", low=0.05, high=60.0),
}


@dataclass(frozen=True)
class NodeSettings:
    """What concerns the node and not how plans are carried out."""

    action_spaces: str
    follow: bool
    agent_timeout_s: float
    clock_timeout_s: float
    navigate_to_pose: str
    follow_joint_trajectory: str
    controller_wait_s: float
    stamped_cmd_vel: bool
    diagnostics_period_s: float


def declare_parameters(node: Node) -> None:
    """Declares all of `PARAMETERS`."""
    for name, parameter in PARAMETERS.items():
        node.declare_parameter(name, parameter.default, parameter.descriptor())


def read_node_settings(node: Node) -> NodeSettings:
    """The parameters of the node itself."""

    def value(name: str) -> Any:
        return node.get_parameter(name).value

    return NodeSettings(
        action_spaces=value("action_spaces"),
        follow=value("follow"),
        agent_timeout_s=value("agent_timeout"),
        clock_timeout_s=value("clock_timeout"),
        navigate_to_pose=value("navigate_to_pose"),
        follow_joint_trajectory=value("follow_joint_trajectory"),
        controller_wait_s=value("controller_wait"),
        stamped_cmd_vel=value("stamped_cmd_vel"),
        diagnostics_period_s=value("diagnostics_period"),
    )


def read_bridge_settings(node: Node) -> BridgeSettings:
    """The parameters of the control, typed; ValueError names one that is none of its choices."""

    def value(name: str) -> Any:
        return node.get_parameter(name).value

    return BridgeSettings(
        frame_id=value("frame"),
        goal_frame_id=value("goal_frame"),
        period_s=1.0 / value("rate"),
        max_age_s=value("max_age"),
        timeout_s=value("timeout"),
        joint_state_timeout_s=value("joint_state_timeout"),
        tf_max_age_s=value("tf_max_age"),
        origin=_choice(node, "chunk.origin", Origin),
        navigation=_choice(node, "navigation", Navigation),
        arm=_choice(node, "arm", Arm),
        blend=BlendSettings(
            _choice(node, "blend.mode", Blend), value("blend.duration"), value("blend.decay")
        ),
        speed=SpeedSettings(
            linear=value("speed.linear"),
            angular=value("speed.angular"),
            linear_acceleration=value("acceleration.linear"),
            angular_acceleration=value("acceleration.angular"),
            joint=value("speed.joint"),
            joint_acceleration=value("acceleration.joint"),
        ),
        pick_place=PickPlaceSettings(
            pick_height=value("pick_place.pick_height"),
            place_height=value("pick_place.place_height"),
            push_height=value("pick_place.push_height"),
            tool=from_roll_pitch_yaw(*(value(f"pick_place.{name}") for name in TURNS)),
        ),
        hand_over=HandOverSettings(value("hand_over.step_seconds"), value("hand_over.confirm")),
    )


TURNS = ("roll", "pitch", "yaw")


def _choice(node: Node, name: str, kinds: type[Choice]) -> Choice:
    given = node.get_parameter(name).value
    for kind in kinds:
        if kind.value == given:
            return kind
    raise ValueError(f"parameter {name} is {given!r}; give one of {_choices(kinds)}")
