"""From a call and what was seen and heard to an example for the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from uio2_ros.model.example import Example
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.model_calls import ModelCall, PictureCall, ScoreCall, SoundCall, TextCall
from uio2_ros.tasks.task import Task, Use

if TYPE_CHECKING:
    from uio2_ros.inference.family import ExampleProcessor


MODALITIES: dict[type[ModelCall], str] = {
    TextCall: "text",
    ScoreCall: "text",
    PictureCall: "image",
    SoundCall: "audio",
}


def make_example(
    processor: ExampleProcessor,
    task: Task,
    seen: Observation,
    call: ModelCall,
    holds_frame: Callable[[int | None], bool] = lambda _key: False,
) -> Example:
    """The prompt with what of the observation the task makes use of and the model can read.

    holds_frame: whether the frame of a key needs not be given again, see `Engine.holds_frame`.
    Raises InstructionError for what does not fit the model, InvalidInputError for broken input.
    """
    looks_back = task.history is not Use.NONE and "image_history" in processor.reads
    history = seen.history if looks_back else ()
    image = None if task.image is Use.NONE else seen.image
    listens = task.audio is not Use.NONE and "audio" in processor.reads
    hears = listens and seen.audio is not None and seen.audio.size > 0
    region = None if isinstance(call, SoundCall) else call.region
    example = processor(
        text=call.prompt,
        image=None if image is None else image.pixels,
        image_history=[None if holds_frame(frame.key) else frame.pixels for frame in history],
        image_history_keys=[frame.key for frame in history],
        audio=seen.audio if hears else None,
        audio_rate=seen.audio_rate,
        audio_until_now=True,
        region=None if region is None else (region.x1, region.y1, region.x2, region.y2),
        target=MODALITIES[type(call)],
    )
    _check_length(processor, example)
    if isinstance(call, PictureCall) and call.blank is not None:
        example = blanked(processor, example, call.blank)
    return example


def _check_length(processor: ExampleProcessor, example: Example) -> None:
    limit = processor.config.max_text_tokens
    if len(example.text) >= limit:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"the prompt must stay below {limit} tokens and this one does not; shorten the "
            "instruction",
        )


def blanked(processor: ExampleProcessor, example: Example, region: Box) -> Example:
    """The example without the patches in the region, as in training.

    Raises InstructionError for a region that hides no patch, and for one that hides all of them.
    """
    if example.image is None or example.image_info is None:
        raise ValueError("a picture is needed to blank a region of it")
    shown = processor.without_region(example, (region.x1, region.y1, region.x2, region.y2))
    assert shown.image is not None
    mask = shown.image.mask
    hides = int(example.image.mask.sum() - mask.sum())
    if not hides or not mask.any():
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"the region hides {'none' if not hides else 'all'} of the {example.image.mask.sum()} "
            "patches that the model sees of the picture; give a "
            f"{'larger' if not hides else 'smaller'} region",
        )
    return shown
