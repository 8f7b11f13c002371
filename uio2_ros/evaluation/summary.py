"""Records as rates and means with confidence intervals, and two runs side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from uio2_ros.evaluation.calibration import Confidence, calibration_error
from uio2_ros.evaluation.records import EpisodeRecord, PerceptionRecord, Record, same
from uio2_ros.evaluation.run_settings import PERCEPTION_TASKS, PICTURE_TASKS, POLICIES
from uio2_ros.evaluation.scores import Estimate, mean, median, rate

CALIBRATION = "calibration error"
ALL = "all"
"""Stands for all tasks together."""
LESS_IS_BETTER = ("error", "angle")
"""Words in the names of such scores. Their median is given, too: a few misses hide the rest."""


@dataclass(frozen=True)
class Success:
    """How often a policy succeeded at a task, how long it took, and how many answers failed."""

    policy: str
    task: str
    rate: Estimate
    steps: Estimate
    errors: int


@dataclass(frozen=True)
class Understanding:
    """One score of one perception task."""

    task: str
    score: str
    value: Estimate
    errors: int


@dataclass(frozen=True)
class Comparison:
    """One number in this run and in another; `apart` where their intervals do not meet."""

    what: str
    this: Estimate
    other: Estimate

    @property
    def apart(self) -> bool:
        return self.this.low > self.other.high or self.this.high < self.other.low


def successes(records: Sequence[EpisodeRecord]) -> list[Success]:
    """One for each policy and task, and one for each policy over all tasks."""
    found = []
    for policy in POLICIES:
        mine = [record for record in records if record.policy == policy]
        tasks = list(dict.fromkeys(record.task for record in mine))
        found += [
            _success(policy, task, [one for one in mine if one.task == task]) for task in tasks
        ]
        if len(tasks) > 1:
            found.append(_success(policy, ALL, mine))
    return found


def _success(policy: str, task: str, records: Sequence[EpisodeRecord]) -> Success:
    return Success(
        policy,
        task,
        rate(sum(record.success for record in records), len(records)),
        mean([float(len(record.steps)) for record in records]),
        sum(bool(record.error) for record in records),
    )


def understandings(records: Sequence[PerceptionRecord]) -> list[Understanding]:
    """One for each score of each task."""
    found = []
    for task in (*PERCEPTION_TASKS, *PICTURE_TASKS):
        mine = [record for record in records if record.task == task]
        errors = sum(bool(record.error) for record in mine)
        for score in dict.fromkeys(name for record in mine for name in record.scores):
            values = [record.scores[score] for record in mine if score in record.scores]
            found.append(Understanding(task, score, _estimate(values), errors))
            if any(word in score for word in LESS_IS_BETTER):
                found.append(Understanding(task, f"median {score}", median(values), errors))
        shown = confidences(mine)
        if shown:
            found.append(Understanding(task, CALIBRATION, calibration_error(shown), errors))
    return found


def confidences(records: Iterable[PerceptionRecord]) -> list[Confidence]:
    """What was shown with every box, and whether it was right."""
    return [Confidence(*each) for record in records for each in record.confidences]


def _estimate(values: Sequence[float]) -> Estimate:
    """Of rates, with Wilson's interval, if all values are 0 or 1; else of a mean."""
    if all(value in (0.0, 1.0) for value in values):
        return rate(int(sum(values)), len(values))
    return mean(values)


def summary_json(
    episodes: Sequence[EpisodeRecord], perceptions: Sequence[PerceptionRecord]
) -> dict[str, Any]:
    """The summary of results.json; numbers that there are not are null."""
    found: dict[str, Any] = {
        "success": [asdict(one) for one in successes(episodes)],
        "perception": [asdict(one) for one in understandings(perceptions)],
    }
    return {name: [finite(row) for row in rows] for name, rows in found.items()}


def finite(value: Any) -> Any:
    """A number, or the numbers of a dictionary, for JSON: null where there is none."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare(this: Iterable[Record], other: Iterable[Record]) -> list[Comparison]:
    """The numbers that two runs share, in the order of this one."""
    mine, theirs = _numbers(list(this)), _numbers(list(other))
    return [Comparison(what, value, theirs[what]) for what, value in mine.items() if what in theirs]


def _numbers(records: Sequence[Record]) -> dict[str, Estimate]:
    episodes = [record for record in records if isinstance(record, EpisodeRecord)]
    perceptions = [record for record in records if isinstance(record, PerceptionRecord)]
    found = {f"{one.policy}: {one.task}": one.rate for one in successes(episodes)}
    return found | {f"{one.task}: {one.score}": one.value for one in understandings(perceptions)}


@dataclass(frozen=True)
class Sameness:
    """How many records two runs share by policy, task and seed, and which of them differ."""

    shared: int
    differing: tuple[str, ...]


def sameness(this: Iterable[Record], other: Iterable[Record]) -> Sameness:
    """Whether what is in both runs is the same: steps, outcome, pixels, scores."""
    theirs = {record.key: record for record in other}
    shared = [(mine, theirs[mine.key]) for mine in this if mine.key in theirs]
    differing = [" ".join(mine.key) for mine, their in shared if not same(mine, their)]
    return Sameness(len(shared), tuple(differing))
