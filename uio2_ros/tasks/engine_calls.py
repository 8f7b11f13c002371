"""Calls of tasks as calls of the engine: settings, constraints, progress and replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from uio2_ros.inference.defaults import Defaults
from uio2_ros.inference.families import family
from uio2_ros.inference.sampling import Sampling
from uio2_ros.inference.texts import TextRequest
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
    from uio2_ros.inference.texts import ConcurrentTexts, Writing

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""How a text ends, of whose last character not all bytes are generated yet."""


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


def begin_texts(
    engine: Engine, texts: ConcurrentTexts, calls: Sequence[PendingCall]
) -> dict[Writing, PendingCall]:
    """Encode the inputs of text calls as one batch and begin what is to be written."""
    started = perf_counter()
    encoded = engine.encode(*(pending.example for pending in calls if pending.example is not None))
    begun = perf_counter()
    for running in dict.fromkeys(pending.running for pending in calls):
        running.add(encode=begun - started)
    writings = texts.admit(encoded, [_request(pending) for pending in calls])
    for pending in calls:
        pending.begun = begun
    return dict(zip(writings, calls, strict=True))


def _request(pending: PendingCall) -> TextRequest:
    call, session = pending.call, pending.running.session
    assert isinstance(call, TextCall)
    if not session.instruction.seed:
        return TextRequest(call.grammar, call.force_locations)
    drawn = Sampling(
        temperature=session.settings.sampling_temperature,
        top_p=session.settings.sampling_top_p,
        seed=session.instruction.seed,
    )
    return TextRequest(call.grammar, call.force_locations, drawn)


def report_text(pending: PendingCall, writing: Writing) -> None:
    """Tell a task how far a text of its is, and when its first token was there."""
    running = pending.running
    if not running.timings.first_token:
        running.add(first_token=perf_counter() - pending.begun)
    text = running.session.symbols.vocabulary.decode(writing.tokens)
    running.report(Stage.GENERATING, text.rstrip(INCOMPLETE).strip(), len(writing.tokens))


def finish_text(engine: Engine, pending: PendingCall, writing: Writing) -> None:
    """The reply of a text that is done; others have none yet."""
    assert isinstance(pending.call, TextCall)
    assert pending.example is not None
    if not writing.done:
        return
    running, tokens = pending.running, tuple(writing.tokens)
    info = pending.example.image_info
    to_pixels = engine.processor.to_pixels
    pending.reply = Reply(
        text=running.session.symbols.vocabulary.decode(tokens).strip(),
        tokens=tokens,
        probabilities=tuple(writing.probabilities),
        to_pixels=None if info is None else partial(to_pixels, image_info=info),
        at_limit=len(tokens) >= pending.call.grammar.longest - 1,
    )
    running.add(decode=perf_counter() - pending.begun, tokens=len(tokens))


def render(engine: Engine, calls: Sequence[PendingCall]) -> None:
    """Carry out calls of pictures or sounds that agree in sampling as one batch."""
    modality, defaults = MODALITIES[type(calls[0].call)], family(engine.family).defaults
    sampling = _sampling(defaults, calls)
    generations = engine.generate(
        [pending.example for pending in calls if pending.example is not None],
        modality=modality,
        sampling=sampling,
        negative=_negative(engine, defaults, sampling),
        on_token=partial(_report, calls, engine.target_length(modality)),
        on_rendered=partial(_report_rendered, calls),
    )
    for pending, generation in zip(calls, generations, strict=True):
        pending.reply = _rendered(engine, pending, generation)
    _add_timings(calls, generations)


def _sampling(defaults: Defaults, calls: Sequence[PendingCall]) -> Sampling:
    call = calls[0].call
    seeds = tuple(pending.running.session.instruction.seed for pending in calls)
    if not isinstance(call, PictureCall):
        drawing = defaults.sampling["audio"]
    elif call.drawing is Drawing.FAITHFUL:
        drawing = replace(defaults.sampling["image"], guidance_scale=None)
    elif call.drawing is Drawing.GUIDED:
        drawing = defaults.sampling["image"]
    else:
        drawing = defaults.mask if call.drawing is Drawing.MASK else defaults.dense
    return replace(drawing, seed=seeds)


def _negative(engine: Engine, defaults: Defaults, sampling: Sampling) -> list[Example] | None:
    """What guided pictures move away from."""
    if sampling.guidance_scale is None:
        return None
    return [engine.processor(defaults.negative_prompts["image"], target="image")]


def _rendered(
    engine: Engine, pending: PendingCall, generation: Generation
) -> PictureReply | npt.NDArray[np.float32]:
    assert pending.example is not None
    if generation.image is None:
        assert generation.audio is not None
        return generation.audio
    info = pending.example.image_info
    if info is None:
        return PictureReply(generation.image)
    back = partial(put_back, processor=engine.processor, image_info=info)
    return PictureReply(generation.image, back)


def _report(calls: Sequence[PendingCall], whole: int, tokens: npt.NDArray[np.int64]) -> None:
    """Tell each task how much there is of `whole` tokens (B, n) without the start token."""
    for running in dict.fromkeys(pending.running for pending in calls):
        count = tokens.shape[1]
        running.report(Stage.GENERATING, f"{count} of {whole} tokens", count)


def _report_rendered(calls: Sequence[PendingCall], count: int) -> None:
    """Tell each task that rows are made into what they stand for; cancellations are seen, too."""
    for running in dict.fromkeys(pending.running for pending in calls):
        running.report(Stage.FINISHING, f"{count} of {len(calls)} rendered")


def _add_timings(calls: Sequence[PendingCall], generations: Sequence[Generation]) -> None:
    spent = generations[0].timings
    rows: dict[RunningTask, int] = {}
    for pending, generation in zip(calls, generations, strict=True):
        rows[pending.running] = rows.get(pending.running, 0) + len(generation.tokens)
    for running, tokens in rows.items():
        running.add(
            encode=spent.encode,
            first_token=0.0 if running.timings.first_token else spent.first_token,
            decode=spent.decode,
            postprocess=spent.render,
            tokens=tokens,
        )
