"""What a task is: a description for people, its needs, and how it answers. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from uio2_ros.robot.action_space import SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks.calls import Asking, Reply
from uio2_ros.tasks.session import Session

__all__ = [
    "Asking",
    "Reply",
    "Session",
    "Task",
    "TaskInfo",
    "Use",
    "parse_failed",
    "with_text",
]


class Use(Enum):
    """Whether a task makes use of an input."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class Task:
    """Something the model can be asked to do, with the prompt it was trained on.

    In `prompt`, `{}` is the instruction and `{box}` the region. Inputs whose use is NONE are not
    shown to the model; a region or options it does not take are an error. `answer` is a generator
    function: it asks the model by `yield from session.generate(...)` and the like, and returns an
    answer that fills the fields named in `outputs` and nothing else.
    """

    name: str
    description: str
    prompt: str
    outputs: tuple[str, ...]
    answer: Callable[[Session], Asking[Answer]]
    needs_text: bool = True
    image: Use = Use.REQUIRED
    history: Use = Use.NONE
    audio: Use = Use.NONE
    region: Use = Use.NONE
    options: Use = Use.NONE
    action_spaces: tuple[SpaceKind, ...] = ()
    default_action_space: str = ""
    variants: tuple[str, ...] = ()
    """Paraphrases of `prompt`, with the same places to fill: for `Instruction.prompt_variant`, and
    to vary prompts in training. The model was not trained with them."""

    @property
    def makes_media(self) -> bool:
        """Whether the model draws or sounds, which takes it hundreds of tokens and more."""
        return not {"images", "audio"}.isdisjoint(self.outputs)

    def template(self, variant: int) -> str:
        """The prompt (variant 0) or a paraphrase of it; InstructionError for one there is not."""
        if not 0 <= variant <= len(self.variants):
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"task {self.name!r} has no prompt variant {variant}; expected 0 (the trained "
                f"prompt) to {len(self.variants)}",
            )
        return (self.prompt, *self.variants)[variant]


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
