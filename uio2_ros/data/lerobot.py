"""Imports LeRobot data sets (`lerobot_files`).

Every frame that is taken becomes one sample with the task `act`: the picture, the earlier ones as
history, and the actions that followed as a chunk in a continuous action space.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uio2_ros.data.action_chunks import act_task, expect_in_range
from uio2_ros.data.import_settings import ImportSettings
from uio2_ros.data.lerobot_files import LeRobotDataSet, LeRobotEpisode
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.robot.action_space import SI_FACTORS, ActionSpace
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_ns


def import_episode(
    data: LeRobotDataSet, episode: LeRobotEpisode, settings: ImportSettings
) -> Iterator[Sample]:
    """The samples of one episode. Raises DataSetError."""
    space = settings.action_space
    instruction = episode.instruction or settings.instruction
    if not instruction:
        raise DataSetError(
            f"episode {episode.index} of {data.folder} does not say what was to be done; give the "
            "instruction (--instruction)"
        )
    actions = actions_in_space(data, episode, space)
    apart = max(1, round(settings.history_period_s * data.fps))
    seen: deque[Frame] = deque(maxlen=apart * settings.history_frames + 1)
    for index, pixels in enumerate(data.pictures(episode, settings.tolerance_s)):
        seen.append(Frame(pixels, to_ns(index / data.fps), data.camera))
        if index % settings.stride:
            continue
        history = tuple(seen)[(len(seen) - 1) % apart : -1 : apart]
        yield Sample(
            key=f"episode{episode.index:06d}_{index:06d}",
            observation=Observation(image=seen[-1], history=history),
            tasks=(act_task(instruction, _chunk(actions, index, space.chunk), space),),
            meta={"data_set": data.folder.name, "robot": str(data.info.get("robot_type") or "")},
        )


def actions_in_space(
    data: LeRobotDataSet, episode: LeRobotEpisode, space: ActionSpace
) -> npt.NDArray[np.float64]:
    """(frames, n) actions in SI units. DataSetError where they are not those of the space."""
    names = data.action_names
    if len(names) != len(space.dimensions):
        raise DataSetError(
            f"actions of {data.folder} have {len(names)} numbers ({', '.join(names)}), the action "
            f"space {space.name!r} has {len(space.dimensions)} ({', '.join(space.dimension_names)})"
        )
    if space.rate_hz is not None and not np.isclose(space.rate_hz, data.fps):
        raise DataSetError(
            f"{data.folder} has {data.fps:g} actions a second, the action space {space.name!r} "
            f"says {space.rate_hz:g}; declare a space with the rate of the recording"
        )
    actions = data.actions(episode) * [SI_FACTORS[one.unit] for one in space.dimensions]
    expect_in_range(actions, space, f"episode {episode.index}")
    return actions


def _chunk(actions: npt.NDArray[np.float64], first: int, steps: int) -> npt.NDArray[np.float64]:
    """(steps, n) actions from one on; past the end the last one is held."""
    return actions[np.minimum(np.arange(first, first + steps), len(actions) - 1)]


@dataclass(frozen=True)
class LeRobotShards:
    """Shards of so many episodes each, out of a data set in a folder."""

    folder: Path
    settings: ImportSettings
    episodes: int

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's episodes; none past the last."""
        data = LeRobotDataSet(self.folder, self.settings.camera)
        for episode in data.episodes[shard * self.episodes : (shard + 1) * self.episodes]:
            yield from import_episode(data, episode, self.settings)
