"""What an answerer runs: the tasks on an engine. torch is imported by `load_model` only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from uio2_ros.processes.process_memory import release_frames
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.serving.faults import Fault, fault_of
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription

if TYPE_CHECKING:
    from uio2_ros.inference import Engine

OnStage = Callable[[Stage, str, int], None]
OnStageOfOne = Callable[[int, Stage, str, int], None]

WARM_UP_TOKENS = 2
WARM_UP_SIZE = (480, 640)  # height, width of a common camera
WARM_UP_SOUND_S = 8.0  # long enough for an older segment besides the newest

logger = logging.getLogger(__name__)


class Runner(Protocol):
    """Answers instructions; `uio2_ros.tasks.TaskRunner` is one. One thread only."""

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage | None = None,
    ) -> Answer:
        """The answer, or InstructionError. What on_progress raises ends the run and comes out."""

    def run_batch(
        self,
        requests: Sequence[tuple[Instruction, Observation]],
        on_progress: OnStageOfOne | None = None,
    ) -> tuple[Answer, ...]:
        """The answers in order; those that failed have an error code."""

    def precompute(self, of: Frame | SoundSegment, /) -> object:
        """Encodes a frame, which its key names, or a segment of the history in advance."""


@dataclass(frozen=True)
class LoadedModel:
    """A runner and what there is to know about its model."""

    runner: Runner
    description: ModelDescription


class _WarmEnough(Exception):
    """Raised out of the warm-up once the first tokens are there."""


def load_model(spec: ModelSpec) -> LoadedModel:
    """The tasks on the model of the spec. Raises what the loading of engine or tokenizer raises."""
    from uio2_ros.tasks import TaskRunner, load_action_spaces

    action_spaces = load_action_spaces(spec.action_spaces or None)
    engine = _engine(spec)
    if spec.warm_up:
        engine.capture(spec.rows)
    runner = TaskRunner(engine, action_spaces, spec.tasks)
    return LoadedModel(runner, _described(engine))


def _described(engine: Engine) -> ModelDescription:
    trained = engine.trained_for
    return ModelDescription(
        engine.name,
        engine.synthetic_weights,
        engine.family,
        tasks=() if trained is None else trained.tasks,
        action_spaces=() if trained is None else trained.action_spaces,
    )


def _engine(spec: ModelSpec) -> Engine:
    from uio2_ros.inference import Engine

    if spec.is_synthetic:
        return Engine.synthetic(
            spec.synthetic_config,
            tokenizer=spec.tokenizer or None,
            device=spec.device,
            cuda_graphs=spec.cuda_graphs,
        )
    return Engine.from_pretrained(
        spec.model,
        tokenizer=spec.tokenizer or None,
        device=spec.device,
        dtype=spec.dtype,
        quantize=spec.quantize or None,
        cuda_graphs=spec.cuda_graphs,
    )


def explained(error: Exception) -> Fault:
    """The fault that an exception of a run stands for; what nobody expects is logged.

    The exception has no traceback afterwards: its frames hold the instruction's pictures.
    """
    fault = fault_of(error)
    if fault.code in (ErrorCode.INFERENCE_FAILED, ErrorCode.OUT_OF_MEMORY):
        logger.error("an instruction failed", exc_info=error)
    release_frames(error)
    return fault


def encode_in_advance(runner: Runner, of: Frame | SoundSegment) -> str:
    """Encodes a frame or segment of the history in advance; why it could not, else ""."""
    try:
        runner.precompute(of)
    except Exception as error:  # of any library: it is encoded when it is needed
        logger.exception("a %s of the history cannot be encoded", type(of).__name__)
        return f"{type(error).__name__}: {error}"
    return ""


def warm_up(runner: Runner) -> None:
    """Generates the first tokens of an answer with every sense; later runs are quicker.

    Their libraries are imported, and what they compute once is there, when the first instruction
    comes.
    """

    def stop_early(_stage: Stage, _text: str, tokens: int) -> None:
        if tokens >= WARM_UP_TOKENS:
            raise _WarmEnough

    grey = Frame(np.full((*WARM_UP_SIZE, 3), 127, dtype=np.uint8), stamp_ns=1)
    rate = Observation.audio_rate
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, int(WARM_UP_SOUND_S * rate))
    seen = Observation(image=grey, history=(grey,), audio=noise.astype(np.float32))
    try:
        runner.run(Instruction("What is this?"), seen, stop_early)
    except _WarmEnough:
        return
    except InstructionError as error:
        logger.info("the warm-up was answered with an error: %s", error)
