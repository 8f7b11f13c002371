"""What a task is: a description for people, its needs, and how it answers. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding import Grammar, Symbols
from uio2_ros.errors import ErrorCode, InstructionError
from uio2_ros.tasks.action_space import ActionSpace, SpaceKind
from uio2_ros.tasks.answer import Answer
from uio2_ros.tasks.instruction import Box, Instruction


class Use(Enum):
    """Whether a task makes use of an input."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class TaskSettings:
    """Bounds and thresholds of the tasks; ValueError for values that make no sense.

    The thresholds are those of model.md section 8.
    """

    free_form_tokens: int = 128
    caption_tokens: int = 64
    answer_tokens: int = 32
    category_tokens: int = 16
    label_tokens: int = 8
    max_boxes: int = 20
    max_steps: int = 8
    max_batch: int = 8
    """People whose keypoints are predicted at once."""
    force_class: float = 0.3
    """Probability of all locations from which another box of a class is forced."""
    force_people: float = 0.5
    """The same for the people whose keypoints are sought."""
    force_everything: float = 0.5
    """The same where every object is sought."""
    overlap: float = 0.8
    """Intersection over union above which a later box repeats an earlier one."""
    sampling_temperature: float = 1.0
    """Of instructions with a seed; without one the likeliest token is taken."""
    sampling_top_p: float = 0.9

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{name} of the tasks is {value}; give 1 or more")
            if isinstance(value, float) and not 0 <= value <= 1 and name != "sampling_temperature":
                raise ValueError(f"{name} of the tasks is {value}; give a value in [0, 1]")
        if not (self.sampling_temperature > 0 and self.sampling_top_p > 0):
            raise ValueError("sampling_temperature and sampling_top_p of the tasks must be > 0")


@dataclass(frozen=True)
class Reply:
    """What the model wrote: tokens without start and end, and each token's probability.

    `to_pixels` maps (..., 2 k) alternating y and x in [0, 1] of the picture the model saw to pixels
    of the original; None without a picture.
    """

    text: str
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    to_pixels: Callable[[npt.ArrayLike], npt.NDArray[np.float64]] | None = None


class Session(Protocol):
    """One instruction under way: what it asked, and the model to ask."""

    @property
    def instruction(self) -> Instruction: ...
    @property
    def past_moves(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> TaskSettings: ...
    @property
    def symbols(self) -> Symbols: ...
    @property
    def space(self) -> ActionSpace:
        """The action space asked for, or the task's default."""

    @property
    def token_limit(self) -> int:
        """Tokens the model can generate at most, the end token included."""

    def grammar(self, make: Callable[..., Grammar], **arguments: object) -> Grammar:
        """make(symbols, **arguments), compiled once and then remembered."""

    def generate(
        self,
        prompt: str,
        grammar: Grammar,
        *,
        region: Box | None = None,
        force_locations: float | None = None,
    ) -> Reply:
        """The model's continuation of a prompt within a grammar. `{box}` becomes the region."""

    def generate_each(
        self, prompt: str, grammar: Grammar, regions: Sequence[Box]
    ) -> tuple[Reply, ...]:
        """One reply per region."""

    def score(
        self, prompt: str, options: Sequence[str], *, region: Box | None = None
    ) -> tuple[float, ...]:
        """Mean log-likelihood per token of each option after a prompt; higher is better."""


@dataclass(frozen=True)
class Task:
    """Something the model can be asked to do, with the prompt it was trained on.

    In `prompt`, `{}` is the instruction and `{box}` the region. Inputs whose use is NONE are not
    shown to the model; a region or options it does not take are an error. `answer` fills the
    fields named in `outputs` and nothing else.
    """

    name: str
    description: str
    prompt: str
    outputs: tuple[str, ...]
    answer: Callable[[Session], Answer]
    needs_text: bool = True
    image: Use = Use.REQUIRED
    history: Use = Use.NONE
    audio: Use = Use.NONE
    region: Use = Use.NONE
    options: Use = Use.NONE
    action_spaces: tuple[SpaceKind, ...] = ()
    default_action_space: str = ""


@dataclass(frozen=True)
class TaskInfo:
    """The fields of `uio2_ros/msg/TaskDescription`."""

    name: str
    description: str
    prompt: str
    needs_image: bool
    needs_audio: bool
    needs_region: bool
    needs_options: bool
    needs_action_space: bool
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, task: Task) -> TaskInfo:
        return cls(
            name=task.name,
            description=task.description,
            prompt=task.prompt,
            needs_image=task.image is Use.REQUIRED,
            needs_audio=task.audio is Use.REQUIRED,
            needs_region=task.region is Use.REQUIRED,
            needs_options=task.options is Use.REQUIRED,
            needs_action_space=bool(task.action_spaces) and not task.default_action_space,
            outputs=task.outputs,
        )


def with_text(prompt: str, instruction: Instruction) -> str:
    """The prompt with the instruction in the place of `{}`."""
    return prompt.replace("{}", instruction.instruction.strip())


def parse_failed(reply: Reply, problem: str) -> InstructionError:
    """The error for an answer that does not have the form of its task."""
    return InstructionError(
        ErrorCode.PARSE_FAILED,
        f"{problem}; the model wrote {reply.text!r}. Ask again with another seed, or reword the "
        "instruction",
    )
