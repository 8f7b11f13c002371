"""Examples to one batch of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from uio2_ros.errors import InvalidInputError
from uio2_ros.processing.example import Batch, Example, Floats, Ints, PatchBatch, PatchInput


def collate(examples: Sequence[Example], *, history_frames: int | None = None) -> Batch:
    """Stack examples: text right-padded with 0, absent pictures, sounds and targets masked.

    Histories are padded with masked frames to the longest of the batch, or to `history_frames`
    where that is given (for shapes that never change). A modality that no example has is None.
    Raises InvalidInputError for no examples, or for a history longer than `history_frames`.
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
        image_history=_histories([example.image_history for example in examples], history_frames),
        audio=_inputs([example.audio for example in examples]),
        audio_history=_histories([example.audio_history for example in examples], history_frames),
        text_target=_text_targets(text_targets),
        image_target=image_target,
        image_target_mask=image_target_mask,
        audio_target=audio_target,
        audio_target_mask=audio_target_mask,
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
    return PatchBatch(batch.patches[:, 0], batch.mask[:, 0], batch.positions[:, 0])


def _histories(histories: Sequence[Sequence[PatchInput]], frames: int | None) -> PatchBatch | None:
    """(B, F, P, D), real frames first."""
    longest = max(len(history) for history in histories)
    if longest == 0:
        return None
    if frames is not None and frames < longest:
        raise InvalidInputError(
            f"a history has {longest} frames, more than history_frames={frames}"
        )
    first = next(history[0] for history in histories if history)
    shape = (len(histories), frames or longest)
    patches = np.zeros((*shape, *first.patches.shape), np.float32)
    mask = np.zeros((*shape, *first.mask.shape), np.bool_)
    positions = np.zeros((*shape, *first.positions.shape), np.int64)
    for row, history in enumerate(histories):
        for frame, one in enumerate(history):
            patches[row, frame], mask[row, frame] = one.patches, one.mask
            positions[row, frame] = one.positions
    return PatchBatch(*map(torch.from_numpy, (patches, mask, positions)))


def _stacked_targets(
    targets: Sequence[tuple[Floats | None, Floats | None]],
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Values and masks of picture or sound targets, zero where an example has none."""
    given = [(values, mask) for values, mask in targets if values is not None and mask is not None]
    if not given:
        return None, None
    blank = tuple(np.zeros_like(part) for part in given[0])
    rows = [blank if values is None or mask is None else (values, mask) for values, mask in targets]
    values, masks = (np.stack(parts) for parts in zip(*rows, strict=True))
    return torch.from_numpy(values), torch.from_numpy(masks)
