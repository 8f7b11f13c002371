"""Models that answer as they were told, for the tests of evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from uio2_ros.evaluation.episodes import Asked, PlayedEpisode, play
from uio2_ros.evaluation.records import EpisodeRecord
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.evaluation.side_by_side import SideBySide
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.serving import Answerer
from uio2_ros.sim import Split, World, sample_episode

SMALL = {"width": 64, "height": 48, "seed": 7}
"""Settings that draw fast."""


def settings(**changes: object) -> RunSettings:
    """Settings of small pictures."""
    return RunSettings(**{**SMALL, "episodes": 1, "tasks": ("put",), **changes})


def oracle_steps(task: str, seed: int = 7) -> tuple[Step, ...]:
    """What the oracle does in a held-out episode."""
    episode = sample_episode(task, seed, Split.HELD_OUT)
    with World(episode.scene) as world:
        episode.begin(world)
        return episode.oracle(world).steps


def told(*steps: Step) -> Answer:
    """An answer with a plan."""
    return Answer(plan=TaskPlan("vima", steps, "base_link"))


def refused() -> Answer:
    """An answer that could not be read."""
    return Answer.failed(ErrorCode.PARSE_FAILED, "no plan in it")


@dataclass
class Scripted(Answerer):
    """Gives one answer after the other, the last again and again."""

    answers: Sequence[Answer] | Callable[[Instruction], Answer]
    asked: list[tuple[Instruction, Observation]] = field(default_factory=list)

    def submit(
        self, instruction: Instruction, observation: Observation, **_: object
    ) -> Future[Answer]:
        self.asked.append((instruction, observation))
        pending: Future[Answer] = Future()
        if callable(self.answers):
            pending.set_result(self.answers(instruction))
        else:
            pending.set_result(self.answers[min(len(self.asked), len(self.answers)) - 1])
        return pending

    def all_of(self, asked: Sequence[Asked]) -> tuple[Answer, ...]:
        return tuple(one.result(0) for one in self.submit_together(asked, timeout_s=1.0))


def played(task: str, model: Scripted, seed: int = 7, **changes: object) -> PlayedEpisode:
    """One episode with a scripted model."""
    run = settings(**changes)
    episode = sample_episode(task, seed, Split.HELD_OUT, run.size)
    side = SideBySide()
    try:
        (done,) = side.play([play(episode, "model", run)], model.all_of)
    finally:
        side.close()
    return done


def record(task: str, model: Scripted, **changes: object) -> EpisodeRecord:
    """Its record."""
    return played(task, model, **changes).record
