"""Calls of tasks as calls of the engine: settings, constraints, progress and replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from uio2_ros.decoding import Grammar
from uio2_ros.inference.constraint import ConstrainedDecoding
from uio2_ros.inference.defaults import (
    AUDIO_SAMPLING,
    DENSE_SAMPLING,
    IMAGE_SAMPLING,
    SEGMENTATION_SAMPLING,
)
from uio2_ros.inference.families import family
from uio2_ros.inference.sampling import Sampling
from uio2_ros.model.example import Example
from uio2_ros.robot.answer import Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks.examples import MODALITIES
from uio2_ros.tasks.model_calls import (
    Drawing,
    PictureCall,
    PictureReply,
    Reply,
    ScoreCall,
    TextCall,
)
from uio2_ros.tasks.padding import put_back
from uio2_ros.tasks.running_task import PendingCall, RunningTask

if TYPE_CHECKING:
    from uio2_ros.inference import Engine, Generation

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""How a text ends, of whose last character not all bytes are generated yet."""
_DRAWINGS = {
    Drawing.GUIDED: IMAGE_SAMPLING,
    Drawing.FAITHFUL: replace(IMAGE_SAMPLING, guidance_scale=None),
    Drawing.DENSE: DENSE_SAMPLING,
    Drawing.MASK: SEGMENTATION_SAMPLING,
}


class RowConstraints:
    """Logits processor that keeps each row of a batch inside the grammar of its own call.

    Rows of one grammar and threshold share a `ConstrainedDecoding`; rows must not be reordered.
    """

    def __init__(self, calls: Sequence[TextCall]) -> None:
        self._rows: dict[tuple[Grammar, float | None], list[int]] = {}
        for row, call in enumerate(calls):
            self._rows.setdefault((call.grammar, call.force_locations), []).append(row)
        self._constraints = {alike: ConstrainedDecoding(*alike) for alike in self._rows}
        self._alike = [(call.grammar, call.force_locations) for call in calls]

    def processors(self) -> tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], ...]:
        """The logits processor to generate with."""
        only = list(self._constraints.values())
        return (only[0],) if len(only) == 1 else (self,)

    def __call__(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """tokens (B, n) with the start token, scores (B, V) raw logits -> masked logits (B, V)."""
        masked = torch.empty_like(scores)
        for alike, rows in self._rows.items():
            masked[rows] = self._constraints[alike](tokens[rows], scores[rows])
        return masked

    def probabilities(self, tokens: Sequence[int], row: int) -> list[float]:
        """The model's probability of each token of a row's text."""
        alike = self._alike[row]
        return self._constraints[alike].probabilities(tokens, self._rows[alike].index(row))


def score(engine: Engine, pending: PendingCall) -> None:
    """Carry out a ScoreCall."""
    assert isinstance(pending.call, ScoreCall)
    assert pending.example is not None
    options = pending.call.options
    _check_lengths(engine, options)
    started = perf_counter()
    losses = engine.score(
        pending.example,
        options,
        reduction="mean",
        on_scored=lambda done: pending.running.report(
            Stage.GENERATING, f"{done} of {len(options)} options"
        ),
    )
    pending.running.add(decode=perf_counter() - started)
    pending.reply = tuple(-float(loss) for loss in losses)


def _check_lengths(engine: Engine, options: Sequence[str]) -> None:
    """InstructionError INVALID_REQUEST for an option that is longer than the model can write."""
    longest = engine.target_length("text") - 1  # its end is a token, too
    for number, option in enumerate(options, start=1):
        count = len(engine.processor.tokenizer.encode(option))
        if count > longest:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"option {number} of {len(options)} has {count} tokens and may have {longest}; "
                "shorten it",
            )


def generate(engine: Engine, calls: Sequence[PendingCall]) -> None:
    """Carry out calls that agree in modality and sampling as one batch."""
    call = calls[0].call
    constraints = RowConstraints(
        [pending.call for pending in calls if isinstance(pending.call, TextCall)]
    )
    sampling = _sampling(calls, constraints)
    modality = MODALITIES[type(call)]
    generations = engine.generate(
        [pending.example for pending in calls if pending.example is not None],
        modality=modality,
        sampling=sampling,
        negative=_negative(engine, sampling),
        on_token=partial(_report, calls, engine.target_length(modality)),
        on_rendered=None if modality == "text" else partial(_report_rendered, calls),
    )
    for row, (pending, generation) in enumerate(zip(calls, generations, strict=True)):
        pending.reply = _reply(engine, pending, generation, constraints, row)
    _add_timings(calls, generations)


def _sampling(calls: Sequence[PendingCall], constraints: RowConstraints) -> Sampling:
    call, settings = calls[0].call, calls[0].running.session.settings
    seeds = tuple(pending.running.session.instruction.seed for pending in calls)
    if isinstance(call, PictureCall):
        return replace(_DRAWINGS[call.drawing], seed=seeds)
    if not isinstance(call, TextCall):
        return replace(AUDIO_SAMPLING, seed=seeds)
    greedy = Sampling(
        max_new_tokens=max(
            pending.call.grammar.longest for pending in calls if isinstance(pending.call, TextCall)
        ),
        logits_processors=constraints.processors(),
    )
    if not any(seeds):
        return greedy
    temperature, top_p = settings.sampling_temperature, settings.sampling_top_p
    return replace(greedy, temperature=temperature, top_p=top_p, seed=seeds)


def _negative(engine: Engine, sampling: Sampling) -> list[Example] | None:
    """What guided pictures move away from."""
    if sampling.guidance_scale is None:
        return None
    return [
        engine.processor(family(engine.family).defaults.negative_prompts["image"], target="image")
    ]


def _reply(
    engine: Engine,
    pending: PendingCall,
    generation: Generation,
    constraints: RowConstraints,
    row: int,
) -> Reply | PictureReply | npt.NDArray[np.float32]:
    assert pending.example is not None
    processor, info = engine.processor, pending.example.image_info
    if generation.image is not None:
        if info is None:
            return PictureReply(generation.image)
        back = partial(put_back, processor=processor, image_info=info)
        return PictureReply(generation.image, back)
    if generation.audio is not None:
        return generation.audio
    tokens = tuple(int(token) for token in generation.tokens)
    return Reply(
        text=pending.running.session.symbols.vocabulary.decode(tokens).strip(),
        tokens=tokens,
        probabilities=tuple(constraints.probabilities(tokens, row)),
        to_pixels=None if info is None else partial(processor.to_pixels, image_info=info),
        at_limit=isinstance(pending.call, TextCall)
        and len(tokens) >= pending.call.grammar.longest - 1,
    )


def _report(calls: Sequence[PendingCall], whole: int, tokens: npt.NDArray[np.int64]) -> None:
    """Tell each task how far the first of its rows is; tokens (B, n) without the start token.

    A picture or sound, of `whole` tokens, has no text so far but how much of it there is.
    """
    for running, rows in _rows(calls).items():
        text = f"{tokens.shape[1]} of {whole} tokens"
        if isinstance(calls[rows[0]].call, TextCall):
            written = running.session.symbols.vocabulary.decode(tokens[rows[0]].tolist())
            text = written.rstrip(INCOMPLETE).strip()
        running.report(Stage.GENERATING, text, tokens.shape[1])


def _report_rendered(calls: Sequence[PendingCall], count: int) -> None:
    """Tell each task that rows are made into what they stand for; cancellations are seen, too."""
    for running in _rows(calls):
        running.report(Stage.FINISHING, f"{count} of {len(calls)} rendered")


def _add_timings(calls: Sequence[PendingCall], generations: Sequence[Generation]) -> None:
    spent = generations[0].timings
    for running, rows in _rows(calls).items():
        running.add(
            encode=spent.encode,
            first_token=0.0 if running.timings.first_token else spent.first_token,
            decode=spent.decode,
            postprocess=spent.render,
            tokens=sum(len(generations[row].tokens) for row in rows),
        )


def _rows(calls: Sequence[PendingCall]) -> dict[RunningTask, list[int]]:
    rows: dict[RunningTask, list[int]] = {}
    for row, pending in enumerate(calls):
        rows.setdefault(pending.running, []).append(row)
    return rows
