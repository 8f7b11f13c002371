"""Instructions to answers with one engine: the front door of the tasks for nodes and programs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from time import perf_counter
from typing import TYPE_CHECKING

from uio2_ros.decoding import Grammar, Symbols
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.tasks.admission import admit
from uio2_ros.tasks.batch import TaskBatch
from uio2_ros.tasks.instruction_batch import InstructionBatch
from uio2_ros.tasks.registry import task_named
from uio2_ros.tasks.runner_methods import RunnerMethods
from uio2_ros.tasks.running_task import OnProgress, RunningTask
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.tasks.task import Task

if TYPE_CHECKING:
    from uio2_ros.inference import Engine

OnBatchProgress = Callable[[int, Stage, str, int], None]

_REMEMBERED_GRAMMARS = 32

logger = logging.getLogger(__name__)


class TaskRunner(RunnerMethods):
    """Runs instructions on one engine, one at a time or in batches. Not thread-safe.

    action_spaces default to those of `config/action_spaces`. `run` and `run_batch` are the whole
    interface; the methods named after tasks are short ways to it that give the part of the answer
    that matters (`runner_methods.pyi`).
    """

    def __init__(
        self,
        engine: Engine,
        action_spaces: Mapping[str, ActionSpace] | None = None,
        settings: TaskSettings | None = None,
    ) -> None:
        self.engine = engine
        self.action_spaces = load_action_spaces() if action_spaces is None else action_spaces
        self.settings = settings or TaskSettings()
        self._symbols = Symbols.of(engine.processor.tokenizer)
        self._compile = _remember(partial(_compile, self._symbols))

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnProgress | None = None,
    ) -> Answer:
        """Answer an instruction.

        on_progress(stage, text so far, tokens so far) is called at every stage and token; what it
        raises ends the work and is raised here. Raises InstructionError for what cannot be
        answered, and whatever else goes wrong in the model as it is.
        """
        started = perf_counter()
        running = self.start(instruction, observation, on_progress or _nobody_listens)
        self._run([running])
        if running.error is not None:
            raise running.error
        return self.finished(running, started)

    def run_batch(
        self,
        requests: Sequence[tuple[Instruction, Observation]],
        on_progress: OnBatchProgress | None = None,
    ) -> tuple[Answer, ...]:
        """Answer several instructions together, whatever their tasks, in the order given.

        What they ask the model is merged into batches of at most `settings.max_batch` rows, which
        take little longer than one row alone; only options are scored one instruction at a time.
        Each answer is that of `run`. An instruction that cannot be answered gets an answer with
        an error code and does not disturb the others. on_progress(number, stage, text, tokens) is
        `run`'s with the instruction's place in the batch; what it raises ends all of them.
        """
        started = perf_counter()
        report = on_progress or _nobody_listens_to_any
        begun = [
            self._start_or_refuse(instruction, observation, partial(report, number))
            for number, (instruction, observation) in enumerate(requests)
        ]
        admitted = [running for running in begun if isinstance(running, RunningTask)]
        self._run(admitted)
        return tuple(
            self.finished(one, started) if isinstance(one, RunningTask) else one for one in begun
        )

    def _run(self, tasks: Sequence[RunningTask]) -> None:
        """Carry out tasks until each has an answer or an error; raises what a listener raised."""
        batch = TaskBatch(self.engine, self.settings.max_batch)
        for running in tasks:
            batch.add(running)
        while batch.busy:
            for ended in batch.step():
                if ended.interrupted and ended.error is not None:
                    raise ended.error

    def open_batch(self) -> InstructionBatch:
        """For instructions that come and go: see `serving.runner_batch.RunnerBatch`."""
        return InstructionBatch(self)

    def start(
        self, instruction: Instruction, observation: Observation, on_progress: OnProgress
    ) -> RunningTask:
        """The work on an instruction, for a `TaskBatch`; InstructionError if it is not admitted."""
        family = self.engine.family
        task = task_named(instruction.task, family)
        space = admit(task, instruction, observation, self.action_spaces)
        session = Session(
            family=family,
            template=task.template(instruction, family),
            instruction=instruction,
            observation=observation,
            settings=self.settings,
            symbols=self._symbols,
            token_limit=self.engine.processor.config.max_target_tokens,
            compile_grammar=self._compile,
            action_space=space,
            lower_case=task.prompt(family).lower_case,
        )
        return RunningTask(task, session, on_progress)

    def _start_or_refuse(
        self, instruction: Instruction, observation: Observation, on_progress: OnProgress
    ) -> RunningTask | Answer:
        try:
            return self.start(instruction, observation, on_progress)
        except InstructionError as error:
            return Answer.failed(error.code, error.message, instruction.task)

    def finished(self, running: RunningTask, started: float) -> Answer:
        """The answer, with what made it and how long it took since `started` (perf_counter)."""
        answer = running.answer
        if answer is None:
            assert running.error is not None, "a finished task has an answer or an error"
            answer = _failure(running.task, running.error)
        return replace(
            self._calibrated(answer, running.task.name),
            task=running.task.name,
            timings=replace(running.timings, total=perf_counter() - started),
            model=self.engine.name,
            synthetic_weights=self.engine.synthetic_weights,
        )

    def _calibrated(self, answer: Answer, task: str) -> Answer:
        """Boxes with the probability that they are right, where the bundle knows it."""
        bundle = self.engine.bundle
        known = None if bundle is None else bundle.calibration.get(task)
        if known is None:
            return answer
        boxes = (replace(one, score=known.probability(one.score)) for one in answer.detections)
        return replace(answer, detections=tuple(boxes))

    def precompute(self, of: Frame | SoundSegment) -> None:
        """Encode a frame or segment of the history before an instruction needs it."""
        if isinstance(of, SoundSegment):
            self.engine.precompute_segment(of.samples, of.rate)
            return
        if of.key is None:
            raise ValueError("a frame to encode in advance needs a key to be found by; got None")
        self.engine.precompute_frame(of.key, of.pixels)


def _failure(task: Task, error: Exception) -> Answer:
    if isinstance(error, InstructionError):
        return Answer.failed(error.code, error.message)
    logger.error("task %r failed", task.name, exc_info=error)
    message = f"task {task.name!r} failed: {type(error).__name__}: {error}; its log says where"
    return Answer.failed(ErrorCode.INFERENCE_FAILED, message)


def _compile(symbols: Symbols, make: Callable[..., Grammar], **arguments: object) -> Grammar:
    return make(symbols, **arguments)


def _remember(compile_grammar: Callable[..., Grammar]) -> Callable[..., Grammar]:
    """Grammars by what made them, the newest few."""
    return lru_cache(_REMEMBERED_GRAMMARS)(compile_grammar)


def _nobody_listens(_stage: Stage, _text: str, _tokens: int) -> None:
    pass


def _nobody_listens_to_any(_number: int, _stage: Stage, _text: str, _tokens: int) -> None:
    pass
