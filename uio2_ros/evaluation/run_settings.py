"""What is evaluated: everything that decides the outcome of a run. No ROS, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from uio2_ros.bringup import config_folder
from uio2_ros.history import AudioHistorySettings, FrameHistorySettings
from uio2_ros.history.move_history import MOVES_KEPT
from uio2_ros.robot.parameter_file import parameters_of
from uio2_ros.robot.records import plain, structured
from uio2_ros.settings import check, from_values, setting
from uio2_ros.sim import SIM_TASKS, PictureSize, Split
from uio2_ros.tasks.settings import TaskSettings

POLICIES = ("model", "oracle", "random")
TABLE_TASKS = ("plan", "next_action")
MODES = ("in-process", "ros")
PERCEPTION_TASKS = (
    "refexp",
    "localize",
    "detect",
    "vqa",
    "categorize",
    "cuboids",
    "points",
    "absent",
    "beyond",
)
PICTURE_TASKS = ("segment", "depth", "normals")
"""Answered with 1024 tokens each, and so left out unless they are asked for."""


@dataclass(frozen=True)
class ObservationSettings:
    """What an agent remembers; the defaults are those of the agent's nodes."""

    frames: FrameHistorySettings = field(default_factory=FrameHistorySettings)
    audio: AudioHistorySettings = field(default_factory=AudioHistorySettings)
    moves: int = MOVES_KEPT
    picture_rate_hz: float = 15.0
    """Of the simulator's camera."""


@dataclass(frozen=True)
class RunSettings:
    """One run; ValueError for values that make no sense. Equal settings give equal records.

    table_task is what the agent is asked at the table; perception is the number of scenes that are
    looked at. Histories and task_bounds are those of config/agent.yaml.
    """

    policies: tuple[str, ...] = POLICIES
    tasks: tuple[str, ...] = tuple(SIM_TASKS)
    episodes: int = setting(100, "of each task and policy")
    seed: int = setting(7, "of the first episode of each task", high=2**62)
    split: str = setting(
        Split.HELD_OUT.value, "seeds and names", choices=tuple(split.value for split in Split)
    )
    width: int = setting(320, "pixels of the pictures", low=32, high=2048)
    height: int = setting(240, "pixels of the pictures", low=32, high=2048)
    table_task: str = setting("plan", "what is asked at the table", choices=TABLE_TASKS)
    mode: str = "in-process"
    model: str = "synthetic"
    tokenizer: str = ""
    device: str = "auto"
    dtype: str = "auto"
    perception: int = setting(0, "scenes to ask about")
    perception_tasks: tuple[str, ...] = PERCEPTION_TASKS
    histories: ObservationSettings = field(default_factory=ObservationSettings)
    task_bounds: TaskSettings = field(default_factory=TaskSettings)

    def __post_init__(self) -> None:
        _among("policy", self.policies, POLICIES)
        _among("simulator task", self.tasks, tuple(SIM_TASKS))
        _among("perception task", self.perception_tasks, (*PERCEPTION_TASKS, *PICTURE_TASKS))
        _among("mode", (self.mode,), MODES)
        check(self)

    @property
    def size(self) -> PictureSize:
        return PictureSize(self.width, self.height)

    @property
    def seeds(self) -> range:
        """Of the episodes of each task."""
        return range(self.seed, self.seed + self.episodes)

    @property
    def uses_model(self) -> bool:
        """Whether a model must be loaded."""
        return bool(self.perception) or ("model" in self.policies and bool(self.episodes))

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> RunSettings:
        """The settings that `to_json` wrote; ValueError for others."""
        return structured(found, cls, "the settings of an evaluation")

    def differences(self, other: RunSettings) -> tuple[str, ...]:
        """What differs, as `name: mine, not theirs`."""
        return tuple(
            f"{one.name}: {getattr(self, one.name)}, not {getattr(other, one.name)}"
            for one in fields(self)
            if getattr(self, one.name) != getattr(other, one.name)
        )


def agent_defaults(path: Path | None = None) -> tuple[ObservationSettings, TaskSettings]:
    """Histories and bounds of an agent's parameter file; the default is config/agent.yaml."""
    file = path or config_folder() / "agent.yaml"
    given = parameters_of(file, "agent")
    if not given:
        raise ValueError(f"{file} does not hold the parameters of an agent")
    histories = ObservationSettings(
        from_values(FrameHistorySettings, _within("history.", given)),
        from_values(AudioHistorySettings, _within("audio.", given)),
    )
    moves = given.get("navigation.moves", histories.moves)
    return replace(histories, moves=moves), from_values(TaskSettings, _within("tasks.", given))


def _within(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a group, by their names in it."""
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _among(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"there is no {what} {', '.join(unknown)!r}; expected {', '.join(known)}")
