"""An agent whose model is there at once and answers with nothing: what is measured is the agent.

Run as a program it is agent_node; `make` is what its inference process takes for the model.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.serving.runner import LoadedModel, OnStage, OnStageOfOne
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription


class InstantRunner:
    """A `Runner` without a network."""

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage | None = None,
    ) -> Answer:
        """An empty answer."""
        del observation, on_progress
        return Answer(task=instruction.task)

    def run_batch(
        self,
        requests: Sequence[tuple[Instruction, Observation]],
        on_progress: OnStageOfOne | None = None,
    ) -> tuple[Answer, ...]:
        """One of these each."""
        del on_progress
        return tuple(self.run(*request) for request in requests)

    def precompute(self, of: Frame | SoundSegment) -> object:
        """Nothing to encode."""
        del of
        return None


def make(spec: ModelSpec) -> LoadedModel:
    """What the inference process loads."""
    del spec
    return LoadedModel(InstantRunner(), ModelDescription("instant", True, "unified_io_2"))


if __name__ == "__main__":
    from uio2_ros.nodes.agent import answerer, node

    answerer.ModelProcess = functools.partial(  # type: ignore[assignment,misc,attr-defined]
        answerer.ModelProcess,  # type: ignore[attr-defined]
        factory="uio2_ros.cli.faults.instant_model:make",
    )
    sys.exit(node.main())
