"""An agent whose model is the synthetic one, but for instructions that say how it shall behave.

Run as a program, it is agent_node; `make` is what its inference process takes for the model.
"""

from __future__ import annotations

import functools
import itertools
import sys
import time
from dataclasses import replace
from typing import NoReturn

import numpy as np

from uio2_ros.robot.answer import Answer, Picture, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.runner import LoadedModel, OnStage, Runner, load_model
from uio2_ros.serving.spec import ModelSpec

ENDLESS = "talk for ever"
"""Is under way from its first progress on, on any machine, until it is cancelled or late."""
TOKEN_S = 0.01


class ScriptedRunner:
    """Does what an instruction says, and otherwise answers as the runner does."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage | None = None,
    ) -> Answer:
        if instruction.instruction == ENDLESS:
            _talk(on_progress)
        if instruction.instruction == "out of memory":
            raise MemoryError("no room for 9 GiB")
        if instruction.instruction == "fail":
            raise RuntimeError("shapes do not match")
        if instruction.instruction == "write nonsense":
            raise InstructionError(ErrorCode.PARSE_FAILED, "the model wrote 'nonsense'; reword it")
        answer = self._runner.run(instruction, observation, on_progress)
        if instruction.instruction == "draw what no message holds":
            pixels = np.zeros((2, 2, 5), np.uint8)
            return replace(answer, pictures=(Picture("generated", pixels),))
        return answer

    def precompute(self, frame: Frame) -> object:
        return self._runner.precompute(frame)


def _talk(on_progress: OnStage | None) -> NoReturn:
    """Writes tokens until `on_progress` raises."""
    assert on_progress is not None
    for tokens in itertools.count(1):
        time.sleep(TOKEN_S)
        on_progress(Stage.GENERATING, "and so on", tokens)
    raise AssertionError("nothing ends it but on_progress")


def make(spec: ModelSpec) -> LoadedModel:
    loaded = load_model(spec)
    return replace(loaded, runner=ScriptedRunner(loaded.runner))


if __name__ == "__main__":
    from uio2_ros.nodes.agent import answerer, node

    answerer.ModelProcess = functools.partial(  # type: ignore[assignment,misc]
        answerer.ModelProcess, factory="nodes.scripted_model:make"
    )
    sys.exit(node.main())
