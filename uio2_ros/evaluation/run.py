"""A run from its settings to its results: what is left is done, what is done is kept."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import uio2_ros
from uio2_ros.evaluation.drawing import beside, enlarged
from uio2_ros.evaluation.episodes import PlayedEpisode
from uio2_ros.evaluation.jobs import Done, Job, jobs_of
from uio2_ros.evaluation.records import EpisodeRecord
from uio2_ros.evaluation.run_folder import FORMAT, VERSION, RunFolder
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.evaluation.summary import summary_json

PICTURES_OF_TASK, PICTURES_OF_FAILURES = 3, 12
"""Of the first so many episodes of a task pictures are kept, and of failures among the next."""
PACKAGES = ("numpy", "scipy", "torch", "mujoco")

Work = Callable[[list[Job]], Iterator[Done]]
OnProgress = Callable[["RunProgress"], None]


@dataclass(frozen=True)
class RunProgress:
    """How far a run is. done and total are episodes and scenes' questions; total of episodes."""

    episodes: int
    of: int
    looks: int
    successes: dict[str, tuple[int, int]]
    """By policy: successes, episodes."""
    seconds: float


def carry_on(
    folder: RunFolder,
    settings: RunSettings,
    work: Work,
    batch: int = 1,
    on_progress: OnProgress | None = None,
) -> None:
    """Does what is left. Interrupted, everything that came is in the folder."""
    report, began_s = on_progress or _nobody_watches, time.monotonic()
    jobs = jobs_of(settings, folder, batch)
    if not jobs:
        return
    for done in work(jobs):
        if isinstance(done, PlayedEpisode):
            if _is_shown(done, settings):
                folder.save_picture(done.record.picture, beside(done.start, enlarged(done.end)))
            folder.add(done.record)
        else:
            folder.add(done)
        report(_progress(folder, settings, time.monotonic() - began_s))


def results(
    folder: RunFolder, settings: RunSettings, model: str, synthetic_weights: bool
) -> dict[str, Any]:
    """What results.json holds."""
    episodes, perceptions = folder.episodes, folder.perceptions
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": {"name": model, "synthetic_weights": synthetic_weights},
        "versions": versions(),
        "settings": settings.to_json(),
        "complete": is_complete(folder, settings),
        "summary": summary_json(episodes, perceptions),
        "episodes": [record.to_json() for record in episodes],
        "perception": [record.to_json() for record in perceptions],
    }


def is_complete(folder: RunFolder, settings: RunSettings) -> bool:
    """Whether all episodes are played and all scenes looked at."""
    wanted = len(settings.policies) * len(settings.tasks) * settings.episodes
    scenes = {record.scene for record in folder.perceptions}
    return len(folder.episodes) == wanted and len(scenes) == settings.perception


def versions() -> dict[str, str]:
    """Of what the outcome may depend on."""
    found = {"uio2_ros": uio2_ros.__version__, "python": platform.python_version()}
    return found | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _is_shown(played: PlayedEpisode, settings: RunSettings) -> bool:
    number = played.record.seed - settings.seed
    most = PICTURES_OF_TASK if played.record.success else PICTURES_OF_FAILURES
    return number < most


def _progress(folder: RunFolder, settings: RunSettings, seconds: float) -> RunProgress:
    counts = dict.fromkeys(settings.policies, (0, 0))
    for record in folder.records:
        if not isinstance(record, EpisodeRecord):
            continue
        good, all_of_them = counts[record.policy]
        counts[record.policy] = (good + record.success, all_of_them + 1)
    return RunProgress(
        episodes=sum(done for _, done in counts.values()),
        of=len(settings.policies) * len(settings.tasks) * settings.episodes,
        looks=len(folder.records) - sum(done for _, done in counts.values()),
        successes=counts,
        seconds=seconds,
    )


def _nobody_watches(_: RunProgress) -> None:
    pass
