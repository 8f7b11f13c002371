"""What a task is: everything there is to say about it, from which the rest of the package derives
the methods, the command line, the list of tasks, the training targets and the docs. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from uio2_ros.robot.action_space import SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks import parts, targets
from uio2_ros.tasks.arguments import Argument, Field, Use
from uio2_ros.tasks.model_calls import Asking, Reply
from uio2_ros.tasks.phrases import Phrase
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.targets import LabelledCall, Target

__all__ = [
    "DEFAULT_FAMILY",
    "UNIFIED_IO_1",
    "UNIFIED_IO_2",
    "Argument",
    "Asking",
    "LabelledCall",
    "Phrase",
    "Prompt",
    "Reply",
    "Session",
    "Task",
    "TaskInfo",
    "Use",
    "parse_failed",
    "with_text",
]

UNIFIED_IO_1 = "unified_io_1"
UNIFIED_IO_2 = "unified_io_2"
DEFAULT_FAMILY = UNIFIED_IO_2
FREE_FORM = "ask"
"""How methods call the task that has no name."""


@dataclass(frozen=True)
class Prompt:
    """How a family of models is asked: `{}` is the instruction and `{box}` the region.

    text: what the family was trained with. variants: paraphrases with the same places to fill, for
    `Instruction.prompt_variant`, and to vary prompts in training; the model was not trained with
    them. with_region: the text where a region is given, if it is another one. lower_case: whether
    instructions had no capitals.
    """

    text: str
    variants: tuple[str, ...] = ()
    with_region: str = ""
    lower_case: bool = False

    def __str__(self) -> str:
        return f"{self.text} / {self.with_region}" if self.with_region else self.text


@dataclass(frozen=True, eq=False)
class Task:
    """Something the model can be asked to do.

    prompts: by family of models; a family that is not among them does not have the task.
    outputs: the fields of `InstructionResult` that the answer fills. answer: a generator function
    that asks the model by `yield from session.generate(...)` and the like, and returns an answer
    that fills those fields and nothing else. gives: reads out of the answer what the task's methods
    return; its return type is theirs. target: the inverse of `answer`, for training. phrases: how
    sentences begin that ask for the task. settings: the fields of `TaskSettings` that matter.

    arguments: what callers give, in the order of the methods' arguments; the one of an action space
    need not be named. Inputs whose use is NONE are not shown to the model; a region, options or an
    action space that the task does not take are an error. moves: past moves of the base.
    """

    name: str
    description: str
    prompts: Mapping[str, Prompt]
    outputs: tuple[str, ...]
    answer: Callable[[Session], Asking[Answer]]
    gives: Callable[[Answer], Any] = parts.text
    target: Callable[[LabelledCall], Target] = targets.text
    arguments: tuple[Argument, ...] = ()
    image: Use = Use.REQUIRED
    history: Use = Use.NONE
    audio: Use = Use.NONE
    camera: Use = Use.NONE
    moves: Use = Use.NONE
    action_spaces: tuple[SpaceKind, ...] = ()
    default_action_space: str = ""
    phrases: tuple[Phrase, ...] = ()
    settings: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names of its methods."""

    def __post_init__(self) -> None:
        if self.action_spaces and self.use_of("action_space") is Use.NONE:
            default = self.default_action_space
            meaning = f"one of kind {' or '.join(kind.value for kind in self.action_spaces)}"
            meaning += f"; {default!r} if none is given" if default else ""
            space = Argument("action_space", meaning, "action_space", required=not default)
            object.__setattr__(self, "arguments", (*self.arguments, space))

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of its methods."""
        return (self.name or FREE_FORM, *self.aliases)

    @property
    def makes_media(self) -> bool:
        """Whether the model draws or sounds, which takes it hundreds of tokens and more."""
        return not {"images", "audio"}.isdisjoint(self.outputs)

    @property
    def explanation(self) -> str:
        """The description, and what its arguments are."""
        told = [
            f"The {argument.fills.replace('_', ' ')} is {argument.meaning}"
            + ("." if argument.required else " (may be left out).")
            for argument in self.arguments
        ]
        if self.use_of("instruction") is Use.NONE:
            told.insert(0, "The instruction is not used.")
        return " ".join([self.description, *told])

    def use_of(self, field: Field) -> Use:
        """Whether the task makes use of a field of the instruction."""
        required = {argument.required for argument in self.arguments if argument.fills == field}
        if not required:
            return Use.NONE
        return Use.REQUIRED if True in required else Use.OPTIONAL

    def prompt(self, family: str = DEFAULT_FAMILY) -> Prompt:
        """How a family is asked; InstructionError UNKNOWN_TASK for one that lacks the task."""
        if family not in self.prompts:
            raise InstructionError(
                ErrorCode.UNKNOWN_TASK,
                f"models of the family {family!r} do not have task {self.name!r}; only those of "
                f"{', '.join(self.prompts)} do",
            )
        return self.prompts[family]

    def template(self, instruction: Instruction, family: str = DEFAULT_FAMILY) -> str:
        """The prompt, or the paraphrase that is asked for; InstructionError if there is none."""
        prompt, variant = self.prompt(family), instruction.prompt_variant
        if not 0 <= variant <= len(prompt.variants):
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"task {self.name!r} has no prompt variant {variant}; expected 0 (the trained "
                f"prompt) to {len(prompt.variants)}",
            )
        if instruction.region is not None and prompt.with_region:
            return prompt.with_region
        return (prompt.text, *prompt.variants)[variant]


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
    def of(cls, task: Task, family: str = DEFAULT_FAMILY) -> TaskInfo:
        return cls(
            name=task.name,
            description=task.explanation,
            prompt=str(task.prompt(family)),
            needs_image=task.image is Use.REQUIRED,
            needs_audio=task.audio is Use.REQUIRED,
            needs_region=task.use_of("region") is Use.REQUIRED,
            needs_options=task.use_of("options") is Use.REQUIRED,
            needs_action_space=task.use_of("action_space") is Use.REQUIRED,
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
