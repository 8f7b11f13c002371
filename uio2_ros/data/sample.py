"""One moment of a robot's or simulator's life with what is known of it: the unit of data sets.

Everything is in the units of instructions and answers: pixels of the original picture, metres, SI.
Tokens are made of it when it is read (`targets.py`), so one data set serves every tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.settings import setting

SHORTEST_S = 1e-6
"""More than no time."""
SEEDS = 2**62
"""No seed is higher."""


@dataclass(frozen=True, kw_only=True)
class SampleHistory:
    """What goes with a picture of the time before it: settings of all that makes samples."""

    history_frames: int = setting(4, "earlier pictures that go with one")
    history_period_s: float = setting(
        1.0, "seconds between these, or more", low=SHORTEST_S, name="history_period"
    )


@dataclass(frozen=True)
class LabelledTask:
    """An instruction and its right answer.

    accepted: in words, what several people answered; an evaluation compares with all of them.
    """

    instruction: Instruction
    answer: Answer
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What was seen and heard, and several instructions that it answers.

    key names the sample in its data set: letters, digits, "-" and "_". meta says where it comes
    from (seed, episode, data set), for people.
    """

    key: str
    observation: Observation
    tasks: tuple[LabelledTask, ...]
    meta: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.key or not self.key.replace("-", "").replace("_", "").isalnum():
            raise ValueError(
                f"the key of a sample is {self.key!r}; use letters, digits, '-' and '_' only"
            )
