"""What sim_node says to everybody: pictures, sound, frames, the clock, and the instruction."""

from __future__ import annotations

from typing import Any

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage

from uio2_ros.messages.audio import audio_message
from uio2_ros.messages.camera_info import camera_info_message
from uio2_ros.messages.pictures import depth_message, image_message
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import AudioChunk
from uio2_ros.nodes.simulator.messages import (
    camera_transforms,
    joint_message,
    moving_transforms,
    odometry_message,
    optical_frame,
)
from uio2_ros.nodes.simulator.settings import SimulatorSettings
from uio2_ros.robot.time import samples_ns
from uio2_ros.sim.simulator_thread import SimulatorThread
from uio2_ros.sim.sounds import RATE_HZ
from uio2_ros.sim.spec import Place

NEWEST = QoSProfile(depth=4)
EVERY = QoSProfile(depth=200)
"""In lock-step, where pictures come as fast as they are drawn and all of them count."""
TOP = "top"


class Publishers:
    """What the simulator shows, as messages. What nobody listens to is neither drawn nor made."""

    def __init__(self, node: Node, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._audio_samples = round(settings.audio_period_s * RATE_HZ)
        self._sounded = 0  # samples of the scene that were published
        self.pictures = 0
        publisher = node.create_publisher
        pictures = EVERY if settings.timing.lock_step else NEWEST
        self._clock = publisher(Clock, "/clock", NEWEST)
        self._image = publisher(Image, "image", pictures)
        self._camera_info = publisher(CameraInfo, "camera_info", pictures)
        self._depth = publisher(Image, "truth/depth", pictures)
        self._top = publisher(Image, "top/image", pictures)
        self._top_info = publisher(CameraInfo, "top/camera_info", pictures)
        self._audio = publisher(AudioChunk, "audio", QoSProfile(depth=50))
        self._tf = publisher(TFMessage, "/tf", 100)
        self._tf_static = publisher(TFMessage, "/tf_static", LATCHED)
        self._joints = publisher(JointState, "joint_states", 10)
        self._odometry = publisher(Odometry, "odom", 10)
        self._instruction = publisher(String, "instruction", LATCHED)

    # The simulator's thread.

    def on_scene(self, simulator: SimulatorThread) -> None:
        """Where the cameras of the new scene are."""
        self._sounded = round(simulator.world.time_s * RATE_HZ)
        stamp = time_message(simulator.stamp_ns)
        self._tf_static.publish(TFMessage(transforms=camera_transforms(simulator.world, stamp)))

    def on_instruction(self, simulator: SimulatorThread) -> None:
        """What is to be done."""
        self._instruction.publish(String(data=simulator.episode.instruction))

    def on_tick(self, simulator: SimulatorThread) -> None:
        """The clock, frames, joints, and sound by the chunk."""
        world, stamp = simulator.world, time_message(simulator.stamp_ns)
        self._publish_clock(simulator)
        objects = self._settings.publish_objects
        if _is_heard(self._tf):
            self._tf.publish(TFMessage(transforms=moving_transforms(world, stamp, objects=objects)))
        if world.scene.place is Place.TABLE:
            if _is_heard(self._joints):
                self._joints.publish(joint_message(world, stamp))
        elif _is_heard(self._odometry):
            self._odometry.publish(odometry_message(world, stamp))
        self._publish_sound(simulator, self._audio_samples)

    def on_picture(self, simulator: SimulatorThread) -> None:
        """What the cameras see."""
        self._publish_clock(simulator)
        names = [camera.name for camera in simulator.world.scene.cameras]
        chosen = self._settings.camera
        camera = chosen if chosen in names else names[0]
        self._publish_view(simulator, camera)
        if TOP in names and _is_heard(self._top):
            header = _header(simulator, TOP)
            self._top.publish(image_message(simulator.world.colour(TOP), header))
            view = simulator.world.view(TOP)
            self._top_info.publish(camera_info_message(view.model, header))
        self.pictures += 1

    def on_pause(self, simulator: SimulatorThread) -> None:
        """The rest of the sound, and everything as it stays."""
        self.on_tick(simulator)
        self._publish_sound(simulator, 1)

    def _publish_clock(self, simulator: SimulatorThread) -> None:
        if _is_heard(self._clock):
            self._clock.publish(Clock(clock=time_message(simulator.stamp_ns)))

    def _publish_view(self, simulator: SimulatorThread, camera: str) -> None:
        header, world = _header(simulator, camera), simulator.world
        if _is_heard(self._depth):
            colour, depth = world.colour_and_depth(camera)
            self._depth.publish(depth_message(depth, header))
        elif _is_heard(self._image):
            colour = world.colour(camera)
        else:
            return
        self._image.publish(image_message(colour, header))
        self._camera_info.publish(camera_info_message(world.view(camera).model, header))

    def _publish_sound(self, simulator: SimulatorThread, samples: int) -> None:
        """Chunks of at least so many samples, as far as there are."""
        world = simulator.world
        until = round(world.time_s * RATE_HZ)
        if until - self._sounded < samples:
            return
        if _is_heard(self._audio):
            sound = world.physics.sounds.audio(self._sounded / RATE_HZ, until / RATE_HZ)
            began_ns = simulator.scene_stamp_ns + samples_ns(self._sounded, RATE_HZ)
            header = Header(stamp=time_message(began_ns), frame_id="microphone")
            self._audio.publish(audio_message(sound, header))
        self._sounded = until


def _header(simulator: SimulatorThread, camera: str) -> Header:
    return Header(stamp=time_message(simulator.stamp_ns), frame_id=optical_frame(camera))


def _is_heard(publisher: Publisher[Any]) -> bool:
    return bool(publisher.get_subscription_count())
