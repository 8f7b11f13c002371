"""What happened in an episode and how right an answer was, as it is written to a run's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import Step
from uio2_ros.robot.records import plain, structured

TIMES = ("answer_s",)
"""Fields that differ from run to run."""


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode. steps are those carried out; error is why it ended, if something went wrong.

    start_pixels and end_pixels are digests of the pictures at the instruction and at the end, looks
    one of the ages of all pictures that questions came with;
    scene_s and answer_s are seconds of the scene since the instruction, and of thinking.
    """

    policy: str
    task: str
    seed: int
    instruction: str
    success: bool
    steps: tuple[Step, ...]
    answers: int
    scene_s: float
    error_code: int = 0
    error: str = ""
    start_pixels: str = ""
    end_pixels: str = ""
    looks: str = ""
    answer_s: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it in its run."""
        return self.policy, self.task, str(self.seed)

    @property
    def picture(self) -> str:
        """The name of its picture, where there is one."""
        return f"{self.policy}_{self.task}_{self.seed}.jpg"

    def to_json(self) -> dict[str, Any]:
        steps = [plain(step, defaults=False) for step in self.steps]
        return {"kind": "episode", **plain(self), "steps": steps}


@dataclass(frozen=True)
class PerceptionRecord:
    """One question about a scene: what was asked, and scores by name. Failed ones have a code.

    confidences: of each box that was found, the probability shown, and whether it was right.
    """

    task: str
    scene: str
    asked: str
    scores: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
    error_code: int = 0
    error: str = ""
    confidences: tuple[tuple[float, bool], ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return "perception", self.scene, f"{self.task} {self.asked}"

    def to_json(self) -> dict[str, Any]:
        return {"kind": "perception", **plain(self)}


Record = EpisodeRecord | PerceptionRecord


def record_from_json(found: Mapping[str, Any]) -> Record:
    """The record of a line; ValueError for what is none."""
    kinds: dict[str, type[Record]] = {"episode": EpisodeRecord, "perception": PerceptionRecord}
    kind = kinds.get(found.get("kind", ""))
    if kind is None:
        raise ValueError(f"a record is of the kind {found.get('kind')!r}; expected {list(kinds)}")
    values = {name: value for name, value in found.items() if name != "kind"}
    return structured(values, kind, "a record of an evaluation")


def same(one: Record, other: Record) -> bool:
    """Whether nothing differs but how long it took."""
    first, second = one.to_json(), other.to_json()
    return all(first[name] == second[name] for name in first if name not in TIMES)


def digest(values: npt.NDArray[np.uint8] | npt.NDArray[np.int64]) -> str:
    """Equal for equal values, and as good as never for others."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
