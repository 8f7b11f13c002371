"""Instructions under way on one runner, which come and go between passes of the decoder."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.batch import TaskBatch
from uio2_ros.tasks.running_task import OnProgress, RunningTask

if TYPE_CHECKING:
    from uio2_ros.tasks.runner import TaskRunner


class InstructionBatch:
    """A `serving.runner_batch.RunnerBatch`: each answer is the one of `TaskRunner.run`."""

    def __init__(self, runner: TaskRunner) -> None:
        self._runner = runner
        self._batch = TaskBatch(runner.engine, runner.settings.max_batch)
        self._under_way: dict[RunningTask, tuple[int, float]] = {}  # number, start (perf_counter)
        self._refused: list[tuple[int, Exception]] = []

    def begin(
        self,
        number: int,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnProgress,
    ) -> None:
        """Takes an instruction; one that is not admitted ends with the next step."""
        started = perf_counter()
        try:
            running = self._runner.start(instruction, observation, on_progress)
        except Exception as error:  # of any task: it is the outcome
            self._refused.append((number, error))
            return
        self._under_way[running] = number, started
        self._batch.add(running)

    def step(self) -> list[tuple[int, Answer | Exception]]:
        """One pass of the decoder for all texts; what ended, with its answer or its error."""
        ended: list[tuple[int, Answer | Exception]] = [*self._refused]
        self._refused.clear()
        for running in self._batch.step():
            number, started = self._under_way.pop(running)
            failed = running.error
            outcome = failed if failed is not None else self._runner.finished(running, started)
            ended.append((number, outcome))
        return ended
