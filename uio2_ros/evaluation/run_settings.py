"""What is evaluated: everything that decides the outcome of a run. No ROS, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from uio2_ros.bringup import config_folder
from uio2_ros.history import AudioHistorySettings, FrameHistorySettings
from uio2_ros.robot.records import plain, structured
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
)
PICTURE_TASKS = ("segment", "depth", "normals")
"""Answered with 1024 tokens each, and so left out unless they are asked for."""


@dataclass(frozen=True)
class SensesSettings:
    """What an agent remembers; the defaults are those of the agent's nodes."""

    history_count: int = 8
    history_period_s: float = 1.0
    history_span_s: float = 60.0
    audio_s: float = 40.0
    moves: int = 16
    picture_rate_hz: float = 15.0
    """Of the simulator's camera."""

    @property
    def frames(self) -> FrameHistorySettings:
        return FrameHistorySettings(
            count=self.history_count,
            period_s=self.history_period_s,
            max_span_s=self.history_span_s,
        )

    @property
    def audio(self) -> AudioHistorySettings:
        return AudioHistorySettings(seconds=self.audio_s)


@dataclass(frozen=True)
class RunSettings:
    """One run; ValueError for values that make no sense. Equal settings give equal records.

    table_task is what the agent is asked at the table; perception is the number of scenes that are
    looked at. The senses and task_bounds are those of config/agent.yaml.
    """

    policies: tuple[str, ...] = POLICIES
    tasks: tuple[str, ...] = tuple(SIM_TASKS)
    episodes: int = 100
    seed: int = 7
    split: str = Split.HELD_OUT.value
    width: int = 320
    height: int = 240
    table_task: str = "plan"
    mode: str = "in-process"
    model: str = "synthetic"
    tokenizer: str = ""
    device: str = "auto"
    dtype: str = "auto"
    perception: int = 0
    perception_tasks: tuple[str, ...] = PERCEPTION_TASKS
    senses: SensesSettings = field(default_factory=SensesSettings)
    task_bounds: TaskSettings = field(default_factory=TaskSettings)

    def __post_init__(self) -> None:
        _among("policy", self.policies, POLICIES)
        _among("simulator task", self.tasks, tuple(SIM_TASKS))
        _among("perception task", self.perception_tasks, (*PERCEPTION_TASKS, *PICTURE_TASKS))
        _among("split", (self.split,), tuple(split.value for split in Split))
        _among("task for the table", (self.table_task,), TABLE_TASKS)
        _among("mode", (self.mode,), MODES)
        for name, least in (("episodes", 0), ("seed", 0), ("perception", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; give {least} or more")
        if min(self.width, self.height) < 32:
            raise ValueError(f"pictures of {self.width} x {self.height} are too small; give 32")

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


def agent_defaults(path: Path | None = None) -> tuple[SensesSettings, TaskSettings]:
    """The senses and bounds of an agent's parameter file; the default is config/agent.yaml."""
    file = path or config_folder() / "agent.yaml"
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))["/**"]["agent"]["ros__parameters"]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(
            f"{file} does not hold the parameters of an agent (/**, agent, ros__parameters): "
            f"{error}"
        ) from error
    history, sound = given.get("history", {}), given.get("audio", {})
    senses = {
        "history_count": history.get("count"),
        "history_period_s": history.get("period"),
        "history_span_s": history.get("seconds"),
        "audio_s": sound.get("seconds"),
        "moves": given.get("navigation", {}).get("moves"),
    }
    types = get_type_hints(SensesSettings)
    return (
        SensesSettings(**{n: types[n](value) for n, value in senses.items() if value is not None}),
        TaskSettings(**given.get("tasks", {})),
    )


def _among(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"there is no {what} {', '.join(unknown)!r}; expected {', '.join(known)}")
