"""Which patches a prompt speaks of: a second thing to learn for the encoder, as in MDETR.

The answer "red mug" or a box says little of where to look. For simulated pictures it is known which
objects a prompt names, and what is to be moved; two linear readings of the encoder's patches learn
to tell (arXiv 2104.12763 aligns words with boxes so). They are thrown away after training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.model.example import Example
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing.geometry import letterbox, to_canvas
from uio2_ros.robot.answer import Detection
from uio2_ros.robot.box import Box

SPOKEN_OF, MOVED = 1, 2
"""Bits of a patch's mark: of an object that is spoken of or answered; of the one to be moved."""
PUT = ("plan", "next_action")
NO_MARKS = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class GroundedExample(Example):
    """An example that knows which of its picture's patches its prompt speaks of."""

    marks: npt.NDArray[np.uint8] = field(default_factory=lambda: NO_MARKS)  # (P,) bits


class GroundingHead(nn.Module):
    """Reads from the encoder's output which patches are spoken of."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reading = nn.Linear(width, 2)

    def loss(self, hidden: Tensor, marks: Tensor, known: Tensor) -> Tensor:
        """() of patches (B, P, E), marks (B, P) and which examples' marks are known (B,)."""
        logits = self.reading(hidden[known]).float()  # (N, P, 2)
        bits = torch.stack([marks[known] & SPOKEN_OF, marks[known] & MOVED], dim=-1) > 0
        return F.binary_cross_entropy_with_logits(logits, bits.float())


def stacked_marks(examples: Sequence[Example]) -> tuple[Tensor, Tensor] | None:
    """Marks (B, P) of a batch and which examples have some (B,); None where none has."""
    marks = [one.marks if isinstance(one, GroundedExample) else NO_MARKS for one in examples]
    longest = max(len(one) for one in marks)
    if not longest:
        return None
    padded = np.zeros((len(marks), longest), np.uint8)
    for row, one in zip(padded, marks, strict=True):
        row[: len(one)] = one
    return torch.from_numpy(padded), torch.tensor([len(one) > 0 for one in marks])


def spoken_of(
    sample: Sample, positions: npt.NDArray[np.int32], config: ModelConfig
) -> Callable[[LabelledTask], npt.NDArray[np.uint8]]:
    """Marks (P,) of a labelled task of a sample, for patches at these positions of the grid.

    Objects are those of the sample's task `detect`; a patch whose middle lies in a box is of it.
    """
    image = sample.observation.image
    assert image is not None
    size, patch = config.t5_config.default_image_vit_size, config.t5_config.image_vit_patch_size
    height, width = image.pixels.shape[:2]
    info = letterbox(height, width, size)
    found = [one for one in sample.tasks if one.instruction.task == "detect"]
    objects = found[0].answer.detections if found else ()
    middles = np.stack(np.divmod(positions, size[1] // patch), -1) * patch + patch / 2  # (P, 2)

    def inside(box: Box) -> npt.NDArray[np.bool_]:
        top, left, bottom, right = (
            to_canvas((box.y1, box.x1, box.y2, box.x2), info, size) * np.tile(np.array(size), 2)
        ).tolist()
        within = (np.abs(middles - [(top + bottom) / 2, (left + right) / 2])) <= [
            max(bottom - top, patch) / 2,
            max(right - left, patch) / 2,
        ]
        marked: npt.NDArray[np.bool_] = within.all(-1)
        return marked

    def marks(task: LabelledTask) -> npt.NDArray[np.uint8]:
        marked = np.zeros(len(positions), np.uint8)
        meant = _meant(task, objects)
        for one in meant:
            marked[inside(one.box)] |= SPOKEN_OF
        if task.instruction.task in PUT and meant:
            marked[inside(meant[0].box)] |= MOVED
        return marked

    return marks


def _meant(task: LabelledTask, objects: Sequence[Detection]) -> list[Detection]:
    """Objects of the answer, or that the instruction names, in the order it does."""
    if task.answer.detections:
        return list(task.answer.detections)
    said = task.instruction.instruction
    whole = [one for one in objects if one.label in said]
    if whole:
        return sorted(whole, key=lambda one: said.index(one.label))
    if task.instruction.region is not None:
        return [one for one in objects if one.box == task.instruction.region]
    words = said.lower().replace("?", " ").split()
    named = [one for one in objects if _is_named(one.label, words)]
    everything = task.instruction.task in ("caption", "detect") or "objects" in words
    return named or (list(objects) if everything else [])


def _is_named(label: str, words: Sequence[str]) -> bool:
    """Whether a colour or a shape of "red cube" is among the words, plural or not."""
    return any(part in words or f"{part}s" in words for part in label.split())
