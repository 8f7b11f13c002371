"""The work of a run, cut into pieces that processes can share: episodes and scenes.

A worker has its own worlds and, if there is one, its own model. torch is imported only where a
model is loaded.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from uio2_ros.evaluation.episodes import Asked, PlayedEpisode, play
from uio2_ros.evaluation.perception import looks_of, scene_names
from uio2_ros.evaluation.records import PerceptionRecord
from uio2_ros.evaluation.run_folder import RunFolder
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.evaluation.side_by_side import SideBySide
from uio2_ros.robot.answer import Answer
from uio2_ros.serving import Answerer, InProcess, ModelSpec, ModelState
from uio2_ros.sim import Split, sample_episode

MODEL = "model"
Key = tuple[str, str, str]


AnswererMaker = Callable[[RunSettings], Answerer]


@dataclass(frozen=True)
class EpisodeJob:
    """Episodes of one policy that are played side by side: (task, seed)."""

    policy: str
    episodes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SceneJob:
    """A scene that is looked at; done are the keys of questions that are answered already."""

    task: str
    seed: int
    done: frozenset[Key]


Job = EpisodeJob | SceneJob
Done = PlayedEpisode | PerceptionRecord


def jobs_of(settings: RunSettings, folder: RunFolder, batch: int) -> list[Job]:
    """What is left to do. Only a model's episodes are batched: nobody else is asked."""
    jobs: list[Job] = []
    for policy in settings.policies:
        left = [
            (task, seed)
            for seed in settings.seeds
            for task in settings.tasks
            if not folder.has((policy, task, str(seed)))
        ]
        size = batch if policy == MODEL else 1
        jobs += [
            EpisodeJob(policy, tuple(left[first : first + size]))
            for first in range(0, len(left), size)
        ]
    done = frozenset(record.key for record in folder.perceptions)
    return jobs + [SceneJob(task, seed, done) for task, seed in scene_names(settings)]


def done_by(
    jobs: Sequence[Job], settings: RunSettings, make_answerer: AnswererMaker, workers: int
) -> Iterator[Done]:
    """Does the jobs and gives what comes of them, in any order if there are several workers.

    make_answerer is called once by each worker, the first time that somebody asks a model; with
    several workers it must be a function of a module.
    """
    if workers == 1:
        worker = Worker(settings, make_answerer)
        try:
            for job in jobs:
                yield from worker.do(job)
        finally:
            worker.close()
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _begin, (settings, make_answerer, workers)) as pool:
        for done in pool.imap_unordered(_do, jobs):
            yield from done


class Worker:
    """Does jobs, one at a time. The model is loaded when it is first asked."""

    def __init__(self, settings: RunSettings, make_answerer: AnswererMaker) -> None:
        self._settings = settings
        self._make_answerer = make_answerer
        self._answerer: Answerer | None = None
        self._side_by_side = SideBySide()

    def do(self, job: Job) -> Iterator[Done]:
        """What comes of a job, one by one."""
        return self._look(job) if isinstance(job, SceneJob) else self._play(job)

    def close(self) -> None:
        """Ends its threads and its model."""
        self._side_by_side.close()
        if self._answerer is not None:
            self._answerer.close()

    def _play(self, job: EpisodeJob) -> Iterator[Done]:
        settings, split = self._settings, Split(self._settings.split)
        episodes = [
            play(sample_episode(task, seed, split, settings.size), job.policy, settings)
            for task, seed in job.episodes
        ]
        yield from self._side_by_side.play(episodes, self._answers)

    def _look(self, job: SceneJob) -> Iterator[Done]:
        looks = looks_of(job.task, job.seed, self._settings)
        left = [look for look in looks if look.key not in job.done]
        answers = self._answers([(look.instruction, look.observation) for look in left])
        for look, answer in zip(left, answers, strict=True):
            yield look.score(answer)

    def _answers(self, asked: Sequence[Asked]) -> tuple[Answer, ...]:
        """In the order of what is asked; RuntimeError if the model cannot go on."""
        if self._answerer is None:
            self._answerer = self._make_answerer(self._settings)
        pending = self._answerer.submit_together(asked, timeout_s=math.inf)
        answers = tuple(one.result() for one in pending)
        status = self._answerer.status()
        if status.state is not ModelState.READY:
            raise RuntimeError(f"the model is {status.state.value}: {status.reason}")
        return answers


_of_process: list[Worker] = []


def _begin(settings: RunSettings, make_answerer: AnswererMaker, workers: int) -> None:
    """Of a worker process. Ctrl-C is the business of the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
    _of_process.append(Worker(settings, make_answerer))


def _do(job: Job) -> list[Done]:
    (worker,) = _of_process
    return list(worker.do(job))


def load_answerer(settings: RunSettings) -> Answerer:
    """The model of a run, in this process. Raises what loading it raises."""
    return InProcess.of(
        ModelSpec(
            model=settings.model,
            tokenizer=settings.tokenizer,
            device=settings.device,
            dtype=settings.dtype,
            tasks=settings.task_bounds,
        )
    )
