"""What a model does before it is ready."""

from __future__ import annotations

from dataclasses import dataclass, field

from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.runner import WARM_UP_TOKENS, OnStage, warm_up


@dataclass
class Watched:
    """A runner that would generate for ever."""

    seen: list[Observation] = field(default_factory=list)
    tokens: int = 0

    def run(
        self,
        instruction: Instruction,
        observation: Observation,
        on_progress: OnStage | None = None,
    ) -> Answer:
        assert instruction.instruction
        assert on_progress is not None
        self.seen.append(observation)
        while True:
            self.tokens += 1
            on_progress(Stage.GENERATING, "", self.tokens)

    def precompute(self, frame: Frame) -> None:
        raise AssertionError(f"not asked for: {frame}")


def test_the_warm_up_uses_every_sense_and_stops_after_the_first_tokens() -> None:
    runner = Watched()
    warm_up(runner)
    (seen,) = runner.seen
    assert seen.image is not None
    assert len(seen.history) == 1
    assert seen.audio is not None
    assert seen.audio.any()
    assert runner.tokens == WARM_UP_TOKENS
