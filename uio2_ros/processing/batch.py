"""Examples to one batch of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from uio2_ros.model.example import Batch, Bools, Example, Floats, Ints, PatchBatch, PatchInput
from uio2_ros.robot.errors import InvalidInputError


def collate(
    examples: Sequence[Example],
    *,
    history_frames: int | None = None,
    rows: Sequence[int] | None = None,
) -> Batch:
    """Stack examples: text right-padded with 0, absent pictures, sounds and targets masked.

    Histories are padded with masked frames to the longest of the batch, or to `history_frames`
    where that is given (for shapes that never change). A modality that no example has is None.
    rows: the packed row of every example, see `Batch`.

    Raises InvalidInputError for no examples, a history longer than `history_frames`, pictures or
    sounds that cannot be stacked, or rows that are not one per example, counted from 0.
    """
    if not examples:
        raise InvalidInputError("a batch needs at least one example")
    text, text_mask = _padded([example.text for example in examples])
    text_targets = [example.text_target for example in examples]
    image_target, image_target_mask = _stacked_targets(
        [(example.image_target, example.image_target_mask) for example in examples]
    )
    audio_target, audio_target_mask = _stacked_targets(
        [(example.audio_target, example.audio_target_mask) for example in examples]
    )
    return Batch(
        text=text,
        text_mask=text_mask,
        image=_inputs([example.image for example in examples]),
        image_history=_histories([_brought(example) for example in examples], history_frames),
        audio=_inputs([example.audio for example in examples]),
        audio_history=_histories([example.audio_history for example in examples], history_frames),
        text_target=_text_targets(text_targets),
        image_target=image_target,
        image_target_mask=image_target_mask,
        audio_target=audio_target,
        audio_target_mask=audio_target_mask,
        image_target_hidden=_hidden(
            [example.image_target_hidden for example in examples], image_target_mask
        ),
        audio_target_hidden=_hidden(
            [example.audio_target_hidden for example in examples], audio_target_mask
        ),
        image_target_rows=_rows_with([example.image_target for example in examples]),
        audio_target_rows=_rows_with([example.audio_target for example in examples]),
        rows=None if rows is None else _packed_rows(rows, len(examples)),
        examples=tuple(examples),
    )


def _padded(rows: Sequence[Ints]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (B, T) and the mask of those that are not padding."""
    lengths = np.array([len(row) for row in rows])
    ids = np.zeros((len(rows), lengths.max()), np.int64)
    for line, row in zip(ids, rows, strict=True):
        line[: len(row)] = row
    mask = np.arange(ids.shape[1]) < lengths[:, None]
    return torch.from_numpy(ids), torch.from_numpy(mask)


def _text_targets(targets: Sequence[Ints | None]) -> torch.Tensor | None:
    if all(target is None for target in targets):
        return None
    empty = np.zeros(0, np.int32)
    return _padded([empty if target is None else target for target in targets])[0]


def _inputs(inputs: Sequence[PatchInput | None]) -> PatchBatch | None:
    """(B, P, D) of one picture or segment per example."""
    batch = _histories([() if one is None else (one,) for one in inputs], None)
    if batch is None:
        return None
    return PatchBatch(
        batch.patches[:, 0], batch.mask[:, 0], batch.positions[:, 0], encoded=batch.encoded
    )


def _brought(example: Example) -> tuple[PatchInput, ...]:
    """The image history; InvalidInputError if some of it is only named."""
    frames = tuple(frame for frame in example.image_history if frame is not None)
    if len(frames) < len(example.image_history):
        raise InvalidInputError(
            "image_history has frames that only an engine holds (None): a batch needs their pixels"
        )
    return frames


def _histories(histories: Sequence[Sequence[PatchInput]], frames: int | None) -> PatchBatch | None:
    """(B, F, P, D), real frames first."""
    longest = max(len(history) for history in histories)
    if longest == 0:
        return None
    if frames is not None and frames < longest:
        raise InvalidInputError(
            f"a history has {longest} frames, more than history_frames={frames}"
        )
    encoded = _alike([one for history in histories for one in history])
    first = next(history[0] for history in histories if history)
    shape = (len(histories), frames or longest)
    patches = np.zeros((*shape, *first.patches.shape), np.float32)
    mask = np.zeros((*shape, *first.mask.shape), np.bool_)
    positions = np.zeros((*shape, *first.positions.shape), np.int64)
    for row, history in enumerate(histories):
        for frame, one in enumerate(history):
            patches[row, frame], mask[row, frame] = one.patches, one.mask
            positions[row, frame] = one.positions
    there = np.flatnonzero(mask.any(-1))
    arrays = map(torch.from_numpy, (patches, mask, positions))
    return PatchBatch(*arrays, encoded=encoded, present=torch.from_numpy(there))


def _alike(inputs: Sequence[PatchInput]) -> bool:
    """Whether all are features, not patches; InvalidInputError where they differ."""
    _check_alike("patches", [one.patches for one in inputs])
    if len({one.encoded for one in inputs}) > 1:
        raise InvalidInputError("patches and features of patches cannot be one batch")
    return inputs[0].encoded


def _stacked_targets(
    targets: Sequence[tuple[Floats | None, Floats | None]],
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Values and masks of picture or sound targets, zero where an example has none."""
    given = [(values, mask) for values, mask in targets if values is not None and mask is not None]
    if not given:
        return None, None
    _check_alike("targets", [values for values, _ in given])
    blank = tuple(np.zeros_like(part) for part in given[0])
    rows = [blank if values is None or mask is None else (values, mask) for values, mask in targets]
    values, masks = (np.stack(parts) for parts in zip(*rows, strict=True))
    return torch.from_numpy(values), torch.from_numpy(masks)


def _rows_with(targets: Sequence[Floats | None]) -> torch.Tensor | None:
    """The examples (N,) that have a target; None where none has."""
    rows = [row for row, target in enumerate(targets) if target is not None]
    return torch.tensor(rows) if rows else None


def _hidden(masks: Sequence[Bools | None], target_mask: torch.Tensor | None) -> torch.Tensor | None:
    """Hidden pixels (B, H, W) of picture or sound targets, none where an example says nothing."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    shape = None if target_mask is None else tuple(target_mask.shape[1:])
    if any(mask.shape != shape for mask in given):
        raise InvalidInputError(
            f"hidden masks of shapes {[mask.shape for mask in given]} do not fit targets of {shape}"
        )
    blank = np.zeros(given[0].shape, np.bool_)
    rows = [blank if mask is None else mask for mask in masks]
    return torch.from_numpy(np.stack(rows).astype(np.bool_))


def _packed_rows(rows: Sequence[int], count: int) -> torch.Tensor:
    if len(rows) != count or set(rows) != set(range(max(rows, default=0) + 1)):
        raise InvalidInputError(
            f"rows must name a packed row for each of {count} examples, counted from 0 without "
            f"gaps, got {list(rows)}"
        )
    return torch.tensor(list(rows))


def _check_alike(what: str, arrays: Sequence[Floats]) -> None:
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise InvalidInputError(
            f"{what} of shapes {', '.join(map(str, shapes))} cannot be one batch: make all "
            "examples with the same processor"
        )
