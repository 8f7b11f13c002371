"""Samples as training examples: what the model is shown, and what it is to reply.

A training example is made by letting the task itself ask: its calls become prompts and inputs by
the code that serves them on the robot, and are replied to with what the task needs to give the
right answer. So every target has the form of its grammar, and decodes to the answer it was made of,
as exactly as tokens and pixels can say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.decoding import Grammar, Symbols
from uio2_ros.processing import Example, Processor
from uio2_ros.processing.geometry import ImageInfo, to_canvas
from uio2_ros.processing.image import dense_target
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import InstructionError, InvalidInputError
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.admission import admit
from uio2_ros.tasks.examples import make_example
from uio2_ros.tasks.model_calls import (
    ModelCall,
    PictureCall,
    PictureReply,
    Reply,
    ScoreCall,
    TextCall,
)
from uio2_ros.tasks.padding import put_back
from uio2_ros.tasks.registry import task_named
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.tasks.targets import LabelledCall, Target, TargetError, TargetPicture
from uio2_ros.tasks.task import DEFAULT_FAMILY, Task

_REMEMBERED_GRAMMARS = 128
_T = TypeVar("_T")
_RIGHT, _WRONG = 0.0, -1.0  # scores of options


class ExampleError(ValueError):
    """A sample that cannot be taught; the message names the sample, the task and the reason."""


@dataclass(frozen=True)
class TrainingExample:
    """One reply to learn.

    number: which of the sample's tasks it is of. call: what the task asked. target: what is to be
    replied, before preprocessing. example: input and target as the model takes them. decoded: what
    the task makes of all its targets; several of one task share it.
    """

    key: str
    number: int
    labelled: LabelledTask
    call: ModelCall
    target: Target
    example: Example
    decoded: Answer


class ExampleMaker:
    """Makes training examples for the model of a processor. Not thread-safe.

    action_spaces are those that instructions may name.
    """

    def __init__(
        self,
        processor: Processor,
        action_spaces: Mapping[str, ActionSpace],
        settings: TaskSettings | None = None,
    ) -> None:
        self.processor = processor
        self._spaces = action_spaces
        self._settings = settings or TaskSettings()
        symbols = Symbols.of(processor.tokenizer)
        self._symbols = symbols
        self._compile = lru_cache(_REMEMBERED_GRAMMARS)(partial(_compile, symbols))

    def examples(self, sample: Sample, variant: int = 0) -> tuple[TrainingExample, ...]:
        """Every training example of a sample.

        variant: 0 asks with the prompts the model was trained with, n with every task's nth
        paraphrase, counted round. Raises ExampleError.
        """
        numbers = range(len(sample.tasks))
        return tuple(one for number in numbers for one in self.examples_of(sample, number, variant))

    def examples_of(
        self, sample: Sample, number: int, variant: int = 0
    ) -> tuple[TrainingExample, ...]:
        """Those of one of a sample's tasks: one for each reply it needs. Raises ExampleError."""
        labelled = sample.tasks[number]
        name = labelled.instruction.task
        try:
            return tuple(self._taught(sample, number, task_named(name), variant))
        except (InstructionError, InvalidInputError, TargetError, ValueError) as problem:
            reason = problem.message if isinstance(problem, InstructionError) else problem
            raise ExampleError(f"sample {sample.key}, task {name!r} ({number}): {reason}") from (
                problem
            )

    def _taught(
        self, sample: Sample, number: int, task: Task, variant: int
    ) -> Sequence[TrainingExample]:
        labelled = sample.tasks[number]
        session = self._session(task, labelled, sample.observation, variant)
        asking = task.answer(session)
        made: list[tuple[ModelCall, Target, Example]] = []
        calls = next(asking)
        while True:
            replies = []
            for call in calls:
                target, example, reply = self._reply(task, session, call, labelled.answer)
                made.append((call, target, example))
                replies.append(reply)
            try:
                calls = asking.send(tuple(replies))
            except StopIteration as end:
                decoded: Answer = replace(end.value, task=task.name)
                return [
                    TrainingExample(sample.key, number, labelled, call, target, example, decoded)
                    for call, target, example in made
                ]

    def _session(
        self, task: Task, labelled: LabelledTask, seen: Observation, variant: int
    ) -> Session:
        asked = variant % (1 + len(task.prompt().variants))
        instruction = replace(labelled.instruction, prompt_variant=asked)
        space = admit(task, instruction, seen, self._spaces)
        return Session(
            family=DEFAULT_FAMILY,
            template=task.template(instruction),
            instruction=instruction,
            observation=seen,
            settings=self._settings,
            symbols=self._symbols,
            token_limit=self.processor.config.max_target_tokens,
            compile_grammar=self._compile,
            action_space=space,
        )

    def _reply(
        self, task: Task, session: Session, call: ModelCall, answer: Answer
    ) -> tuple[Target, Example, object]:
        """What is to be replied, the example that teaches it, and the reply itself."""
        example = make_example(self.processor, task, session.observation, call)
        target = task.target(self._labelled(session, call, example, answer))
        if isinstance(call, (TextCall, ScoreCall)):
            return self._text(call, example, _expect(target, str))
        if isinstance(call, PictureCall):
            return self._picture(call, example, _expect(target, TargetPicture))
        sound = _expect(target, np.ndarray)
        return sound, self.processor.with_targets(example, audio=sound), sound

    def _labelled(
        self, session: Session, call: ModelCall, example: Example, answer: Answer
    ) -> LabelledCall:
        if example.image_info is None:
            return LabelledCall(session, call, answer)
        info, canvas = ImageInfo.from_array(example.image_info), self.processor.config.image.size
        return LabelledCall(
            session,
            call,
            answer,
            to_canvas=partial(to_canvas, info=info, canvas=canvas),
            to_pixels=partial(self.processor.to_pixels, image_info=example.image_info),
        )

    def _text(
        self, call: TextCall | ScoreCall, example: Example, text: str
    ) -> tuple[Target, Example, object]:
        example = self.processor.with_targets(example, text)
        if isinstance(call, ScoreCall):
            if text not in call.options:
                raise TargetError(f"the answer {text!r} is none of the options {call.options}")
            scores = tuple(_RIGHT if option == text else _WRONG for option in call.options)
            return text, example, scores
        tokens = tuple(self.processor.tokenizer.encode(text))
        self._check_form(call.grammar, tokens, text)
        info = example.image_info
        reply = Reply(
            text=self.processor.tokenizer.decode(tokens).strip(),
            tokens=tokens,
            probabilities=(1.0,) * len(tokens),
            to_pixels=None if info is None else partial(self.processor.to_pixels, image_info=info),
        )
        return text, example, reply

    def _check_form(self, grammar: Grammar, tokens: Sequence[int], text: str) -> None:
        """TargetError for a text that the model could not write under its grammar."""
        state = grammar.initial()
        for number, token in enumerate([*tokens, self.processor.tokenizer.end_id]):
            if not grammar.allowed(state)[token]:
                written = self.processor.tokenizer.decode(tokens[:number])
                raise TargetError(
                    f"the model cannot write {text!r}: its grammar ends after {written!r} (at most "
                    f"{grammar.longest} tokens); correct the label, or raise the task's settings"
                )
            state = grammar.advance(state, token)

    def _picture(
        self, call: PictureCall, example: Example, target: TargetPicture
    ) -> tuple[Target, Example, object]:
        example = self.processor.with_targets(example, image=target.pixels)
        if target.known is not None:
            example = self._masked(example, target.known)
        if call.blank is not None:
            example = self._hidden(example, call)
        assert example.image_target is not None
        drawn = np.rint(example.image_target * 255).astype(np.uint8)
        if example.image_info is None:
            return target, example, PictureReply(drawn)
        back = partial(put_back, processor=self.processor, image_info=example.image_info)
        return target, example, PictureReply(drawn, back)

    def _masked(self, example: Example, known: npt.NDArray[np.bool_]) -> Example:
        """The example without what is not known in its target's mask."""
        assert example.image_target_mask is not None
        shown = self._on_target(example, known)
        return replace(example, image_target_mask=example.image_target_mask * shown)

    def _hidden(self, example: Example, call: PictureCall) -> Example:
        """The example with the part of its target that its input lacks."""
        region = call.blank
        assert region is not None
        info = ImageInfo.from_array(_present(example.image_info))
        blank = np.zeros((int(info.height), int(info.width)), np.bool_)
        blank[
            int(region.y1) : int(np.ceil(region.y2)), int(region.x1) : int(np.ceil(region.x2))
        ] = True
        return replace(example, image_target_hidden=self._on_target(example, blank) > 0)

    def _on_target(self, example: Example, where: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """(H, W) of the input picture as 0 or 1 on its target."""
        config = self.processor.config
        info = ImageInfo.from_array(_present(example.image_info))
        white = np.repeat(where[..., None].astype(np.uint8) * np.uint8(255), 3, axis=-1)
        shown: npt.NDArray[np.float32] = dense_target(
            white, info, config.image.size, config.image_target_size
        )[0][..., 0]
        return shown


def examples(
    sample: Sample,
    processor: Processor,
    action_spaces: Mapping[str, ActionSpace],
    variant: int = 0,
) -> tuple[TrainingExample, ...]:
    """All examples of one sample; see `ExampleMaker.examples`, which is quicker for many."""
    return ExampleMaker(processor, action_spaces).examples(sample, variant)


def _compile(symbols: Symbols, make: Callable[..., Grammar], **arguments: object) -> Grammar:
    return make(symbols, **arguments)


def _expect(target: object, kind: type[_T]) -> _T:
    if not isinstance(target, kind):
        raise TargetError(
            f"its target is a {type(target).__name__}, the task asked for a {kind.__name__}"
        )
    return target


def _present(info: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    if info is None:
        raise TargetError("its target belongs to a picture and the task shows none")
    return info
