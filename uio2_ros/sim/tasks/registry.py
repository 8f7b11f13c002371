"""All tasks of the simulator by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks import go_to, moved, push, put, rang, sort, stack, swap
from uio2_ros.sim.tasks.task import DEFAULT_SIZE, Episode, SimTask

SIM_TASKS: Mapping[str, SimTask] = MappingProxyType(
    {module.TASK.name: module.TASK for module in (put, stack, sort, push, swap, rang, moved, go_to)}
)


def sim_task_named(name: str) -> SimTask:
    """The task. Raises KeyError, with the names there are, for any other."""
    if name not in SIM_TASKS:
        raise KeyError(f"no simulator task is called {name!r}; expected {', '.join(SIM_TASKS)}")
    return SIM_TASKS[name]


def sample_episode(
    task: str, seed: int, split: Split = Split.TRAIN, size: PictureSize = DEFAULT_SIZE
) -> Episode:
    """The episode of a seed."""
    return sim_task_named(task).sample(seed, split, size)
