"""Instructions under way on one runner, which come and go between its steps. No torch."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.serving.runner import OnStage, Runner

Outcome: TypeAlias = Answer | Exception


class RunnerBatch(Protocol):
    """One thread only. Numbers are the caller's, and each is used once."""

    def begin(
        self,
        number: int,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage,
    ) -> None:
        """Takes an instruction. What on_progress raises ends it and is its outcome."""

    def step(self) -> list[tuple[int, Outcome]]:
        """Goes on for a moment; what ended. What it raises ends all that is under way."""


@runtime_checkable
class ConcurrentRunner(Protocol):
    """A runner that answers several instructions at once; `uio2_ros.tasks.TaskRunner` is one."""

    def open_batch(self) -> RunnerBatch:
        """A batch without instructions. Each answer is that of `Runner.run`."""


class OneByOne:
    """A `RunnerBatch` of a runner that answers one instruction after the other."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._waiting: list[tuple[int, Instruction, Observation, OnStage]] = []

    def begin(
        self,
        number: int,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage,
    ) -> None:
        """See `RunnerBatch`."""
        self._waiting.append((number, instruction, observation, on_progress))

    def step(self) -> list[tuple[int, Outcome]]:
        """See `RunnerBatch`."""
        if not self._waiting:
            return []
        number, instruction, observation, on_progress = self._waiting.pop(0)
        try:
            return [(number, self._runner.run(instruction, observation, on_progress))]
        except Exception as error:  # of any library: it is the outcome
            return [(number, error)]


def open_batch(runner: Runner) -> RunnerBatch:
    """The runner's own, or `OneByOne`."""
    return runner.open_batch() if isinstance(runner, ConcurrentRunner) else OneByOne(runner)
