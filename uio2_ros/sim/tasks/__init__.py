"""What there is to do in the simulator: instructions with scenes, success tests and oracles."""

from uio2_ros.sim.tasks.registry import SIM_TASKS, sample_episode, sim_task_named
from uio2_ros.sim.tasks.task import Episode, Goal, SimTask

__all__ = [
    "SIM_TASKS",
    "Episode",
    "Goal",
    "SimTask",
    "sample_episode",
    "sim_task_named",
]
