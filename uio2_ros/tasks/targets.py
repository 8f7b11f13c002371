"""What the model is to reply to a call so that its task gives the right answer. numpy only.

`Task.target` is the inverse of the task's decoder. Those here are shared; the others stand beside
their decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.boxes import LocatedBox, intersection_over_union
from uio2_ros.decoding.quantities import tokens_of
from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import Step
from uio2_ros.tasks.model_calls import ModelCall, SoundCall
from uio2_ros.tasks.session import Session


class TargetError(ValueError):
    """An answer that the model cannot give; the message says what of it."""


@dataclass(frozen=True)
class TargetPicture:
    """RGB uint8 (H, W, 3), and (H, W) where it is known and so taught; None: everywhere."""

    pixels: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_] | None = None


Sound: TypeAlias = npt.NDArray[np.float32]
Target: TypeAlias = str | TargetPicture | Sound
"""A text, a picture of the input picture's size, or mono samples at 16 kHz."""


@dataclass(frozen=True)
class LabelledCall:
    """One call of a task, and the right answer to the instruction.

    Both maps take and give (..., 2 k) of alternating y and x and are None without a picture.
    to_canvas: from pixels to fractions of the canvas that the model sees, cut to it. to_pixels:
    back, cut to the picture.
    """

    session: Session
    call: ModelCall
    answer: Answer
    to_canvas: Callable[[npt.ArrayLike], npt.NDArray[np.float32]] | None = None
    to_pixels: Callable[[npt.ArrayLike], npt.NDArray[np.float64]] | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        return self.session.symbols.vocabulary

    @property
    def region(self) -> Box | None:
        """What the call itself is about, as of one object of several."""
        return None if isinstance(self.call, SoundCall) else self.call.region

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the right plan."""
        if self.answer.plan is None or not self.answer.plan.steps:
            raise TargetError("the answer has no plan with steps")
        return self.answer.plan.steps

    def nearest(self, boxes: Sequence[Box]) -> int:
        """Which of the boxes the call is about: the one that its region overlaps most."""
        if self.region is None or not boxes:
            raise TargetError("the answer has no box for the region that is asked about")
        region = _located(self.region)
        overlaps = [intersection_over_union(_located(box), region) for box in boxes]
        return int(np.argmax(overlaps))

    def bins(self, pixels_yx: Sequence[float]) -> npt.NDArray[np.int64]:
        """The location of each coordinate."""
        if self.to_canvas is None:
            raise TargetError("the answer has places but there is no picture they lie in")
        tokens = tokens_of(self.vocabulary, self.to_canvas(pixels_yx))
        return self.vocabulary.location_ids[-1] - tokens

    def written(self, bins: Iterable[int]) -> str:
        """Locations as text."""
        last = self.vocabulary.location_ids[-1]
        return self.vocabulary.decode([last - int(one) for one in bins])

    def box(self, box: Box) -> str:
        """`y1 x1 y2 x2`; a side that is shorter than a location is made one long."""
        bins = self.bins([box.y1, box.x1, box.y2, box.x2])
        last = len(self.vocabulary.location_ids) - 1
        first = np.minimum(bins[:2], last - 1)
        return self.written([*first, *np.maximum(bins[2:], first + 1)])

    def boxes(self, detections: Iterable[Detection]) -> str:
        """`y1 x1 y2 x2 label` of each."""
        return " ".join(f"{self.box(one.box)} {one.label}".strip() for one in detections)


def text(labelled: LabelledCall) -> str:
    """The answer's text."""
    if not labelled.answer.text.strip():
        raise TargetError("the answer has no text")
    return labelled.answer.text.strip()


def boxes(labelled: LabelledCall) -> str:
    """Every detection with its label."""
    return labelled.boxes(labelled.answer.detections)


def picture(labelled: LabelledCall) -> TargetPicture:
    """The answer's picture, RGB."""
    return TargetPicture(np.asarray(only_picture(labelled), np.uint8))


def only_picture(labelled: LabelledCall) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """The pixels of the answer's one picture."""
    pictures = labelled.answer.pictures
    if len(pictures) != 1:
        raise TargetError(f"the answer has {len(pictures)} pictures, expected one")
    return pictures[0].pixels


def colors(levels: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """RGB (H, W, 3) of levels in [0, 1], (H, W) or (H, W, 3)."""
    shades = np.rint(levels * 255).astype(np.uint8)
    return shades if shades.ndim == 3 else np.repeat(shades[..., None], 3, axis=-1)


def _located(box: Box) -> LocatedBox:
    return LocatedBox(box.y1, box.x1, box.y2, box.x2)
