"""From a call and what was seen and heard to an example for the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from uio2_ros.processing.example import Example, PatchInput
from uio2_ros.processing.geometry import ImageInfo, to_canvas
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.model_calls import ModelCall, PictureCall, ScoreCall, SoundCall, TextCall
from uio2_ros.tasks.task import Task, Use

if TYPE_CHECKING:
    from uio2_ros.model.family import ExampleProcessor


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
    """The prompt with what of the observation the task makes use of.

    holds_frame: whether the frame of a key needs not be given again, see `Engine.holds_frame`.
    Raises InstructionError for what does not fit the model, InvalidInputError for broken input.
    """
    history = () if task.history is Use.NONE else seen.history
    image = None if task.image is Use.NONE else seen.image
    hears = task.audio is not Use.NONE and seen.audio is not None and seen.audio.size > 0
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
    """The example without the patches whose middle lies in the region, as in training.

    Raises InstructionError for a region that hides no patch, and for one that hides all of them.
    """
    if example.image is None or example.image_info is None:
        raise ValueError("a picture is needed to blank a region of it")
    hidden = _in_region(processor, example.image, example.image_info, region)
    mask = example.image.mask & ~hidden
    hides = int(example.image.mask.sum() - mask.sum())
    if not hides or not mask.any():
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"the region hides {'none' if not hides else 'all'} of the {example.image.mask.sum()} "
            "patches that the model sees of the picture; give a "
            f"{'larger' if not hides else 'smaller'} region",
        )
    return replace(example, image=replace(example.image, mask=mask))


def _in_region(
    processor: ExampleProcessor, image: PatchInput, info: npt.NDArray[np.float32], region: Box
) -> npt.NDArray[np.bool_]:
    """(P,) whether the middle of each patch lies in the region."""
    size, patch = processor.config.image.size, processor.config.image.patch_size
    corners = to_canvas(
        (region.y1, region.x1, region.y2, region.x2), ImageInfo.from_array(info), size
    )
    top, left, bottom, right = np.floor(corners * np.tile(np.array(size), 2))
    middles = np.stack(np.divmod(image.positions, size[1] // patch)) * patch + patch // 2  # (2, P)
    hidden: npt.NDArray[np.bool_] = (
        (top <= middles[0]) & (middles[0] < bottom) & (left <= middles[1]) & (middles[1] < right)
    )
    return hidden
