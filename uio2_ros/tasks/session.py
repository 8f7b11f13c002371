"""One instruction on its way through the engine: what tasks ask of the model, timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding import Grammar, Symbols
from uio2_ros.errors import ErrorCode, InstructionError
from uio2_ros.inference.constraint import ConstrainedDecoding
from uio2_ros.inference.sampling import Sampling
from uio2_ros.processing.example import Example
from uio2_ros.tasks.action_space import ActionSpace
from uio2_ros.tasks.answer import Stage, Timings
from uio2_ros.tasks.instruction import Box, Instruction, Observation
from uio2_ros.tasks.task import Reply, Task, TaskSettings, Use

if TYPE_CHECKING:
    from uio2_ros.inference import Engine, Generation

OnProgress = Callable[[Stage, str, int], None]


@dataclass
class EngineSession:
    """The `Session` of one instruction on an engine. `compile` remembers grammars between them."""

    engine: Engine
    task: Task
    instruction: Instruction
    observation: Observation
    settings: TaskSettings
    symbols: Symbols
    compile: Callable[..., Grammar]
    action_space: ActionSpace | None
    on_progress: OnProgress
    timings: Timings = field(default_factory=Timings)

    @property
    def past_moves(self) -> tuple[str, ...]:
        return self.observation.robot_history

    @property
    def space(self) -> ActionSpace:
        if self.action_space is None:
            raise ValueError(f"task {self.task.name!r} has no action space")
        return self.action_space

    @property
    def token_limit(self) -> int:
        return self.engine.processor.config.max_target_tokens

    def grammar(self, make: Callable[..., Grammar], **arguments: object) -> Grammar:
        grammar = self.compile(make, **arguments)
        if grammar.longest > self.token_limit:
            raise ValueError(
                f"task {self.task.name!r} may need {grammar.longest} tokens but the model "
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
    ) -> Reply:
        return self._generate([self._example(prompt, region)], grammar, force_locations)[0]

    def generate_each(
        self, prompt: str, grammar: Grammar, regions: Sequence[Box]
    ) -> tuple[Reply, ...]:
        replies: list[Reply] = []
        for start in range(0, len(regions), self.settings.max_batch):
            some = regions[start : start + self.settings.max_batch]
            examples = [self._example(prompt, region) for region in some]
            replies.extend(self._generate(examples, grammar, None))
        return tuple(replies)

    def score(
        self, prompt: str, options: Sequence[str], *, region: Box | None = None
    ) -> tuple[float, ...]:
        example = self._example(prompt, region)
        self.on_progress(Stage.ENCODING, "", self.timings.tokens)
        with self._timed("decode"):
            losses = self.engine.score(example, options, reduction="mean")
        return tuple(-float(loss) for loss in losses)

    def _example(self, prompt: str, region: Box | None) -> Example:
        """The prompt with the senses that the task makes use of."""
        self.on_progress(Stage.PREPROCESSING, "", self.timings.tokens)
        task, seen = self.task, self.observation
        history = () if task.history is Use.NONE else seen.history
        image = None if task.image is Use.NONE else seen.image
        hearing = task.audio is not Use.NONE and seen.audio is not None and seen.audio.size > 0
        with self._timed("preprocess"):
            example = self.engine.processor(
                text=prompt,
                image=None if image is None else image.pixels,
                image_history=[
                    None if self.engine.holds_frame(frame.key) else frame.pixels
                    for frame in history
                ],
                image_history_keys=[frame.key for frame in history],
                audio=seen.audio if hearing else None,
                audio_rate=seen.audio_rate,
                audio_until_now=True,
                region=None if region is None else (region.x1, region.y1, region.x2, region.y2),
                target="text",
            )
        self._check_length(example)
        return example

    def _check_length(self, example: Example) -> None:
        limit = self.engine.processor.config.max_text_tokens
        if len(example.text) >= limit:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"the prompt must stay below {limit} tokens and this one does not; shorten the "
                "instruction",
            )

    def _generate(
        self, examples: Sequence[Example], grammar: Grammar, force_locations: float | None
    ) -> list[Reply]:
        constraint = ConstrainedDecoding(grammar, force_locations)
        self.on_progress(Stage.ENCODING, "", self.timings.tokens)
        generations = self.engine.generate(
            examples,
            modality="text",
            sampling=self._sampling(grammar, constraint),
            on_token=partial(self._report, self.timings.tokens),
        )
        self._add_timings(generations)
        return [
            self._reply(example, generation, constraint, row)
            for row, (example, generation) in enumerate(zip(examples, generations, strict=True))
        ]

    def _sampling(self, grammar: Grammar, constraint: ConstrainedDecoding) -> Sampling:
        greedy = Sampling(max_new_tokens=grammar.longest, logits_processors=(constraint,))
        if not self.instruction.seed:
            return greedy
        return replace(
            greedy,
            temperature=self.settings.sampling_temperature,
            top_p=self.settings.sampling_top_p,
            seed=self.instruction.seed,
        )

    def _reply(
        self, example: Example, generation: Generation, constraint: ConstrainedDecoding, row: int
    ) -> Reply:
        tokens = tuple(int(token) for token in generation.tokens)
        return Reply(
            text=self.symbols.vocabulary.decode(tokens).strip(),
            tokens=tokens,
            probabilities=tuple(constraint.probabilities(tokens, row)),
            to_pixels=self._to_pixels(example),
        )

    def _to_pixels(
        self, example: Example
    ) -> Callable[[npt.ArrayLike], npt.NDArray[np.float64]] | None:
        if example.image_info is None:
            return None
        return partial(self.engine.processor.to_pixels, image_info=example.image_info)

    def _report(self, tokens_before: int, tokens: npt.NDArray[Any]) -> None:
        """Tell how far the first text of the batch is; tokens (B, n) without the start token."""
        text = self.symbols.vocabulary.decode(tokens[0].tolist()).strip()
        self.on_progress(Stage.GENERATING, text, tokens_before + tokens.shape[1])

    def _add_timings(self, generations: Sequence[Generation]) -> None:
        spent, before = generations[0].timings, self.timings
        self.timings = replace(
            before,
            encode=before.encode + spent.encode,
            first_token=before.first_token or spent.first_token,
            decode=before.decode + spent.decode,
            tokens=before.tokens + sum(len(generation.tokens) for generation in generations),
        )

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = perf_counter()
        yield
        spent = getattr(self.timings, part) + perf_counter() - started
        self.timings = replace(self.timings, **{part: spent})
