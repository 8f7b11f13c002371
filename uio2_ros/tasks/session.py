"""One instruction and what its task may ask of the model. numpy only.

Every method that asks is a generator: `reply = yield from session.generate(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding import Grammar, Symbols
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.model_calls import (
    Asking,
    Drawing,
    PictureCall,
    PictureReply,
    Reply,
    ScoreCall,
    SoundCall,
    TextCall,
)
from uio2_ros.tasks.settings import TaskSettings


@dataclass(frozen=True)
class Session:
    """What a task knows while it answers one instruction.

    family: of the model's prompts. template: the task's prompt, or the paraphrase of it that was
    asked for. token_limit: tokens the model can write at most, the end token included.
    compile_grammar remembers grammars between instructions.
    """

    family: str
    template: str
    instruction: Instruction
    observation: Observation
    settings: TaskSettings
    symbols: Symbols
    token_limit: int
    compile_grammar: Callable[..., Grammar]
    action_space: ActionSpace | None = None
    lower_case: bool = False

    @property
    def prompt(self) -> str:
        """The template with the instruction in the place of `{}`."""
        instruction = self.instruction.instruction.strip()
        return self.template.replace("{}", instruction.lower() if self.lower_case else instruction)

    @property
    def past_moves(self) -> tuple[str, ...]:
        """`observation ( x z y ) action` texts, oldest first."""
        return self.observation.robot_history

    @property
    def space(self) -> ActionSpace:
        """The action space asked for, or the task's default."""
        if self.action_space is None:
            raise ValueError(f"task {self.instruction.task!r} has no action space")
        return self.action_space

    def grammar(self, make: Callable[..., Grammar], **arguments: object) -> Grammar:
        """make(symbols, **arguments), compiled once and then remembered."""
        options = self.instruction.options
        try:
            grammar = self.compile_grammar(make, **arguments)
        except ValueError as error:
            if not options:
                raise
            raise InstructionError(
                ErrorCode.INVALID_REQUEST, f"these options cannot be written: {error}"
            ) from error
        if options and grammar.longest > self.token_limit:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"an answer with these {len(options)} options may need {grammar.longest} tokens "
                f"and the model writes at most {self.token_limit}; shorten them",
            )
        if grammar.longest > self.token_limit:
            raise ValueError(
                f"task {self.instruction.task!r} may need {grammar.longest} tokens but the model "
                f"generates at most {self.token_limit}; lower the task's settings"
            )
        return grammar

    def generate(
        self,
        prompt: str,
        grammar: Grammar,
        *,
        region: Box | None = None,
        force_locations: float | None = None,
    ) -> Asking[Reply]:
        """The model's continuation of a prompt within a grammar. `{box}` becomes the region."""
        reply: Reply
        (reply,) = yield (TextCall(prompt, grammar, region, force_locations),)
        return reply

    def generate_each(
        self, prompt: str, grammar: Grammar, regions: Sequence[Box]
    ) -> Asking[tuple[Reply, ...]]:
        """One reply per region."""
        replies = yield tuple(TextCall(prompt, grammar, region) for region in regions)
        return tuple(replies)

    def score(
        self, prompt: str, options: Sequence[str], *, region: Box | None = None
    ) -> Asking[tuple[float, ...]]:
        """Mean log-likelihood per token of each option after a prompt; higher is better."""
        scores: tuple[float, ...]
        (scores,) = yield (ScoreCall(prompt, tuple(options), region),)
        return scores

    def generate_picture(
        self,
        prompt: str,
        drawing: Drawing,
        *,
        region: Box | None = None,
        blank: Box | None = None,
    ) -> Asking[PictureReply]:
        """A picture; what of the input picture lies in `blank` is not shown to the model."""
        reply: PictureReply
        (reply,) = yield (PictureCall(prompt, drawing, region, blank),)
        return reply

    def generate_pictures(self, calls: Sequence[PictureCall]) -> Asking[tuple[PictureReply, ...]]:
        """One picture per call, drawn together."""
        replies = yield tuple(calls)
        return tuple(replies)

    def generate_sound(self, prompt: str) -> Asking[npt.NDArray[np.float32]]:
        """A sound: mono samples at 16 kHz (n,)."""
        samples: npt.NDArray[np.float32]
        (samples,) = yield (SoundCall(prompt),)
        return samples
