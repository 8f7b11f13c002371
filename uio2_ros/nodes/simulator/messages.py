"""Between ROS messages and the simulator. No node."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, Transform, TransformStamped, Vector3
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from uio2_ros.messages.plans import plan_of
from uio2_ros.messages.poses import pose_message, pose_of
from uio2_ros.messages.stamps import seconds_of, time_message
from uio2_ros.msg import Plan, SimulatedObject, SimulationState
from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.plan_errors import PlanError
from uio2_ros.robot.poses import Pose2D, Pose3D
from uio2_ros.sim import physics
from uio2_ros.sim.arm import ActionError, ToolPose
from uio2_ros.sim.base import DIMENSIONS
from uio2_ros.sim.cameras import quaternion_of, view_of
from uio2_ros.sim.model import TIMESTEP_S, TOOL_BODY, TOOL_JOINTS
from uio2_ros.sim.policies import MOVES
from uio2_ros.sim.simulator_thread import SimulatorThread
from uio2_ros.sim.spec import Place
from uio2_ros.sim.streaming import Track, Waypoint
from uio2_ros.sim.world import World

BASE_FRAME, ROOM_FRAME, TOOL_FRAME = "base_link", "odom", "tool"
JOINTS = tuple(name.replace(" ", "_") for name in TOOL_JOINTS)
SPACES = {Place.TABLE: "vima", Place.ROOM: "pointnav"}
LEAST_DOWN = 0.99
"""Cosine of the angle between the tool and the vertical, from which on it points down."""
SAME_HEIGHT_M = 0.005
"""A place pose that is no higher than its pick pose is the end of a push."""


def scene_frame(world: World) -> str:
    """The frame of the scene: the robot's at a table, that of the floor in a room."""
    return BASE_FRAME if world.scene.place is Place.TABLE else ROOM_FRAME


def optical_frame(camera: str) -> str:
    """The frame of a camera's pictures."""
    return f"{camera}_optical_frame"


# What comes in. ActionError says what is wrong.


def steps_of(message: Plan, place: Place) -> tuple[Step, ...]:
    """The steps of a plan for the robot of a place."""
    if not message.steps:
        return ()
    if message.action_space != SPACES[place]:
        raise ActionError(
            f"the plan is of the action space {message.action_space!r}; the robot of this scene "
            f"understands {SPACES[place]}"
        )
    _expect_frame(message.header.frame_id)
    try:
        plan = plan_of(message)
    except PlanError as error:
        raise ActionError(error.message) from error
    return tuple(map(_step, plan.steps))


def _step(step: Step) -> Step:
    """With the velocities of a move."""
    if step.kind is ActionKind.DISCRETE:
        if step.name not in MOVES:
            raise ActionError(f"no move is called {step.name!r}; expected {', '.join(MOVES)}")
        return replace(step, dimension_names=DIMENSIONS, values=MOVES[step.name])
    if not step.kind.has_poses:
        raise ActionError(f"steps of kind {step.kind.name} are of another robot's")
    return step


def handed_over(pick: PoseStamped, place: PoseStamped) -> Step:
    """The step that a pick and a place pose ask for; at the same height they are a push."""
    is_push = place.pose.position.z - pick.pose.position.z < SAME_HEIGHT_M
    kind = ActionKind.PUSH if is_push else ActionKind.PICK_PLACE
    start, end = tool_pose(pick), tool_pose(place)
    name = "push" if is_push else "pick and place"
    return Step(kind, name, Pose2D(start[0], start[1], start[3]), Pose2D(end[0], end[1], end[3]))


def tool_pose(message: PoseStamped) -> ToolPose:
    """Where a pose wants the tool, which can only point down."""
    _expect_frame(message.header.frame_id)
    try:
        pose = pose_of(message.pose)
    except ValueError as error:
        raise ActionError(str(error)) from error
    if abs(pose.turn((0.0, 0.0, 1.0))[2]) < LEAST_DOWN:
        raise ActionError("the tool points down and cannot tilt; give a pose that points down")
    ahead_x, ahead_y, _ = pose.turn((1.0, 0.0, 0.0))
    return (*pose.position, math.atan2(ahead_y, ahead_x))


def track_of(message: JointTrajectory) -> Track:
    """A trajectory of the gantry's own joints, from now on."""
    if set(message.joint_names) != set(JOINTS):
        raise ActionError(
            f"a trajectory of {', '.join(message.joint_names) or 'no joints'} came; this arm is a "
            f"gantry with the joints {', '.join(JOINTS)}"
        )
    order = [list(message.joint_names).index(name) for name in JOINTS]
    waypoints = []
    for point in message.points:
        if len(point.positions) != len(JOINTS):
            raise ActionError(f"a point has {len(point.positions)} positions, not {len(JOINTS)}")
        x, y, z, yaw = (point.positions[index] for index in order)
        after_s = max(seconds_of(point.time_from_start), TIMESTEP_S)
        waypoints.append(Waypoint(after_s, (x, y, z, yaw)))
    return Track(waypoints)


def _expect_frame(frame_id: str) -> None:
    if frame_id not in ("", BASE_FRAME):
        raise ActionError(f"poses must be in {BASE_FRAME}, not in {frame_id!r}")


# What goes out.


def scene_pose(pose: physics.BodyPose) -> Pose3D:
    """A pose of the simulator as the robot's words have it."""
    x, y, z = pose.position.tolist()
    return Pose3D((x, y, z), quaternion_of(pose.rotation))


def transform_message(pose: physics.BodyPose, parent: Header, child: str) -> TransformStamped:
    """The pose of a frame in that of the header."""
    placed = pose_message(scene_pose(pose))
    x, y, z = pose.position.tolist()
    transform = Transform(translation=Vector3(x=x, y=y, z=z), rotation=placed.orientation)
    return TransformStamped(header=parent, child_frame_id=child, transform=transform)


def camera_transforms(world: World, stamp: Time) -> list[TransformStamped]:
    """Where the cameras are on the robot."""
    parent = Header(stamp=stamp, frame_id=BASE_FRAME)
    views = ((camera.name, view_of(camera)) for camera in world.scene.cameras)
    return [
        transform_message(
            physics.BodyPose(view.position, view.rotation), parent, optical_frame(name)
        )
        for name, view in views
    ]


def moving_transforms(world: World, stamp: Time, *, objects: bool) -> list[TransformStamped]:
    """The base on the floor, a table's tool on the base, and on request the objects."""
    parent = Header(stamp=stamp, frame_id=scene_frame(world))
    if world.scene.place is Place.TABLE:
        still = physics.BodyPose(np.zeros(3), np.eye(3))
        floor = Header(stamp=stamp, frame_id=ROOM_FRAME)
        moving = [
            transform_message(still, floor, BASE_FRAME),
            transform_message(robot_pose(world), parent, TOOL_FRAME),
        ]
    else:
        moving = [transform_message(robot_pose(world), parent, BASE_FRAME)]
    if objects:
        moving += [
            transform_message(world.pose(thing.name), parent, thing.name.replace(" ", "_"))
            for thing in world.scene.objects
        ]
    return moving


def robot_pose(world: World) -> physics.BodyPose:
    """Of the tool at a table, of the base on the floor in a room; in the frame of the scene."""
    if world.scene.place is Place.TABLE:
        return world.physics.pose(TOOL_BODY)
    base = world.base.pose
    sine, cosine = math.sin(base.yaw), math.cos(base.yaw)
    rotation = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return physics.BodyPose(np.array([base.x, base.y, 0.0]), rotation)


def joint_message(world: World, stamp: Time) -> JointState:
    """The joints of the gantry."""
    header = Header(stamp=stamp, frame_id=BASE_FRAME)
    return JointState(header=header, name=JOINTS, position=world.arm.tool)


def odometry_message(world: World, stamp: Time) -> Odometry:
    """Where the base is, and how fast."""
    odometry = Odometry(header=Header(stamp=stamp, frame_id=ROOM_FRAME), child_frame_id=BASE_FRAME)
    odometry.pose.pose = pose_message(scene_pose(robot_pose(world)))
    odometry.twist.twist.linear.x, odometry.twist.twist.angular.z = world.base.velocity
    return odometry


def state_message(simulator: SimulatorThread) -> SimulationState:
    """How things are; on the simulator's thread."""
    world, episode = simulator.world, simulator.episode
    stamp = time_message(simulator.stamp_ns)
    return SimulationState(
        header=Header(stamp=stamp, frame_id=scene_frame(world)),
        task=episode.task,
        seed=episode.seed,
        split=episode.split.value,
        instruction=episode.instruction,
        action_space=SPACES[world.scene.place],
        max_steps=episode.step_limit,
        steps=simulator.steps,
        succeeded=episode.success(world),
        moving=simulator.moving,
        lock_step=simulator.settings.lock_step,
        episode_time=simulator.episode_s,
        real_time_factor=simulator.pace.real_time_factor,
        held=(world.arm.held or "") if world.scene.place is Place.TABLE else "",
        robot=pose_message(scene_pose(robot_pose(world))),
        objects=[_object(world, thing.name) for thing in world.scene.objects],
    )


def _object(world: World, name: str) -> SimulatedObject:
    thing = world.scene.object_named(name)
    x, y, z = world.form(name).size
    return SimulatedObject(
        name=name,
        label=f"{thing.colour.value} {thing.shape.value}",
        pose=pose_message(scene_pose(world.pose(name))),
        size=Vector3(x=x, y=y, z=z),
    )
