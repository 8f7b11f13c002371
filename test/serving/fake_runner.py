"""A stand-in for the model with the manners that the tests ask of it; no torch."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np

from uio2_ros.robot.answer import Answer, Picture, Stage
from uio2_ros.robot.errors import CheckpointError, ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.runner import LoadedModel, OnStage
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription

TOKEN_S = 0.01


class FakeRunner:
    """Does what the instruction says."""

    def __init__(self) -> None:
        self._encoded: list[str] = []

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage | None = None,
    ) -> Answer:
        verb, _, argument = instruction.instruction.partition(" ")
        answer = Answer(text=verb, task=instruction.task, model="fake")
        if verb == "count":
            return replace(answer, text=_count(int(argument), on_progress))
        if verb == "describe":
            return replace(answer, text=_describe(observation))
        if verb == "echo":
            assert observation.image is not None
            return replace(answer, pictures=(Picture("generated", observation.image.pixels),))
        if verb == "draw":
            return replace(answer, pictures=(Picture("generated", np.zeros((2, 2), np.complex64)),))
        if verb == "encoded":
            return replace(answer, text=" ".join(self._encoded))
        if verb == "threads":
            return replace(answer, text=os.environ["OMP_NUM_THREADS"])
        if verb == "process":
            return replace(answer, text=str(os.getpid()))
        if verb == "inheritable":
            return replace(answer, text=_inheritable_descriptors())
        if verb == "hang":
            threading.Event().wait()
        if verb == "hold":  # as a C library that neither returns nor lets other threads run
            ctypes.PyDLL(None).sleep(int(argument))
        _misbehave(verb)
        return answer

    def precompute(self, frame: Frame) -> None:
        if frame.frame_id == "bad":
            raise ValueError("this frame cannot be encoded")
        if frame.frame_id == "endless":
            threading.Event().wait()
        self._encoded.append(f"{frame.key}:{int(frame.pixels.max())}")


def _count(tokens: int, on_progress: OnStage | None) -> str:
    words: list[str] = []
    for token in range(tokens):
        time.sleep(TOKEN_S)
        words.append(str(token))
        if on_progress is not None:
            on_progress(Stage.GENERATING, " ".join(words), len(words))
    return " ".join(words)


def _describe(observation: Observation) -> str:
    parts = [f"history {len(observation.history)}"]
    if observation.image is not None:
        parts.append(
            f"image {observation.image.pixels.shape} {int(observation.image.pixels.sum())}"
        )
    if observation.audio is not None:
        parts.append(f"audio {observation.audio.size} {float(observation.audio.sum()):g}")
    return ", ".join(parts)


def _inheritable_descriptors() -> str:
    """Beyond standard input, output and error."""
    opened = [descriptor for descriptor in range(3, 1024) if _is_inheritable(descriptor)]
    return ", ".join(map(str, opened))


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # it is not open
        return False


def _misbehave(verb: str) -> None:
    if verb == "refuse":
        raise InstructionError(ErrorCode.NO_INPUT, "no image has arrived; start the camera")
    if verb == "spoil":
        raise InvalidInputError("the picture is upside down")
    if verb == "raise":
        raise RuntimeError("shapes do not match")
    if verb == "exhaust":
        raise MemoryError("no room for 9 GiB")
    if verb == "fault":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if verb == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if verb == "exit":
        os._exit(3)


def make(spec: ModelSpec) -> LoadedModel:
    if spec.model == "bad-checkpoint":
        raise CheckpointError("missing: text_encoder.wq")
    if spec.model == "dies-loading":
        os.kill(os.getpid(), signal.SIGKILL)
    if spec.model == "endless":
        threading.Event().wait()
    if spec.model == "too-large":
        raise MemoryError("no room for the weights")
    return LoadedModel(FakeRunner(), ModelDescription(f"fake {spec.model}", spec.is_synthetic))


def greedy(_spec: ModelSpec) -> LoadedModel:
    """Of a package that is not installed."""
    raise ModuleNotFoundError("No module named 'torch'")


def picture(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)
