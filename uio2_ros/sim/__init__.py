"""A table and a room to act in, simulated with MuJoCo: scenes, sounds, tasks and their truth.

Imports neither rclpy nor torch, except for `node`, which is the simulator as a ROS node.
"""

from uio2_ros.sim.cameras import CameraView, PictureSize
from uio2_ros.sim.policies import Oracle, Policy, RandomPolicy, Result, run_episode
from uio2_ros.sim.renderer import Render, RenderError
from uio2_ros.sim.spec import SceneSpec
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks import SIM_TASKS, Episode, SimTask, sample_episode, sim_task_named
from uio2_ros.sim.world import StepOutcome, World

__all__ = [
    "SIM_TASKS",
    "CameraView",
    "Episode",
    "Oracle",
    "PictureSize",
    "Policy",
    "RandomPolicy",
    "Render",
    "RenderError",
    "Result",
    "SceneSpec",
    "SimTask",
    "Split",
    "StepOutcome",
    "World",
    "run_episode",
    "sample_episode",
    "sim_task_named",
]
