"""What the model is to reply to each call of a task, so that the task gives the right answer.

A task teaches by the inverse of its decoder. `TEACHERS` has that of every task of this package; a
task of another package adds its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding import CanvasPlacement
from uio2_ros.decoding.boxes import LocatedBox, intersection_over_union
from uio2_ros.processing import Example, ImageInfo, Processor
from uio2_ros.processing.geometry import to_canvas
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import Step
from uio2_ros.tasks.calls import Call, PictureCall, ScoreCall, TextCall
from uio2_ros.tasks.coco_detect import WRITTEN
from uio2_ros.tasks.session import Session
from uio2_ros.training.target_pictures import TargetPicture, target_picture
from uio2_ros.training.target_texts import TargetError, TargetWriter

Sound: TypeAlias = npt.NDArray[np.float32]
Target: TypeAlias = str | TargetPicture | Sound
"""A text, a picture of the input picture's size, or mono samples at 16 kHz."""


@dataclass(frozen=True)
class Question:
    """One call of a task, the input that goes with it, and the right answer to the instruction."""

    session: Session
    call: Call
    example: Example
    processor: Processor
    answer: Answer

    @property
    def writer(self) -> TargetWriter:
        """Writes about the picture of the call."""
        if self.example.image_info is None:
            return TargetWriter(self.processor.tokenizer)
        info, canvas = self.info, self.processor.config.image.size
        return TargetWriter(
            self.processor.tokenizer, lambda pixels: to_canvas(pixels, info, canvas)
        )

    @property
    def info(self) -> ImageInfo:
        """How the picture of the call was letterboxed."""
        if self.example.image_info is None:
            raise TargetError("the answer is about a picture and the task shows none")
        return ImageInfo.from_array(self.example.image_info)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the right plan."""
        if self.answer.plan is None or not self.answer.plan.steps:
            raise TargetError("the answer has no plan with steps")
        return self.answer.plan.steps


Teach: TypeAlias = Callable[[Question], Target]


def written(question: Question) -> str:
    """The answer's text."""
    if not question.answer.text.strip():
        raise TargetError("the answer has no text")
    return question.answer.text.strip()


def boxes(question: Question) -> str:
    """Every detection with its label."""
    return question.writer.boxes(question.answer.detections)


def boxes_of_class(question: Question) -> str:
    """Every detection, labelled with what the instruction asks for."""
    what = question.session.instruction.instruction.strip()
    return question.writer.boxes(replace(one, label=what) for one in question.answer.detections)


def coco_boxes(question: Question) -> str:
    """Every detection, labelled as the training data writes the class."""
    spelling = {name: spelled for spelled, name in WRITTEN.items()}
    strange = [one.label for one in question.answer.detections if one.label not in spelling]
    if strange:
        raise TargetError(f"{strange[0]!r} is no COCO class")
    return question.writer.boxes(
        replace(one, label=spelling[one.label]) for one in question.answer.detections
    )


def one_box(question: Question) -> str:
    """The one detection, without a label."""
    found = question.answer.detections
    if len(found) != 1:
        raise TargetError(f"the answer has {len(found)} boxes, expected the one that is meant")
    return question.writer.box(found[0].box)


def mask(question: Question) -> Target:
    """First the boxes of what is named, then the mask of each."""
    call, answer = question.call, question.answer
    if isinstance(call, TextCall):
        return boxes_of_class(question)
    if len(answer.pictures) != len(answer.detections):
        raise TargetError(
            f"the answer has {len(answer.detections)} boxes and {len(answer.pictures)} masks; "
            "expected one mask per box, in the same order"
        )
    number = _nearest(answer.detections, call)
    return target_picture(answer.pictures[number], question.session.settings)


def picture(question: Question) -> TargetPicture:
    """The answer's picture."""
    if len(question.answer.pictures) != 1:
        raise TargetError(f"the answer has {len(question.answer.pictures)} pictures, expected one")
    return target_picture(question.answer.pictures[0], question.session.settings)


def sound(question: Question) -> Sound:
    """The answer's sound."""
    if len(question.answer.audio) != 1:
        raise TargetError(f"the answer has {len(question.answer.audio)} sounds, expected one")
    return question.answer.audio[0]


def joints(question: Question) -> str:
    """First the boxes of all people, then the joints of each."""
    people = [points for points in question.answer.keypoints if points.box is not None]
    if len(people) != len(question.answer.keypoints):
        raise TargetError("somebody's keypoints have no box to ask for them by")
    found = [Detection(points.box, "person") for points in people if points.box is not None]
    if isinstance(question.call, TextCall) and question.call.region is None:
        return question.writer.boxes(found)
    return question.writer.points(people[_nearest(found, question.call)])


def cuboids(question: Question) -> str:
    """Every 3D box with its label."""
    camera = question.session.observation.camera
    assert camera is not None, "the task has seen to it that there is a camera"
    info, processor = question.info, question.processor
    placement = CanvasPlacement.of(
        lambda values: processor.to_pixels(values, info.to_array()), info.height
    )
    return question.writer.cuboids(question.answer.cuboids, camera, placement)


def motions(question: Question) -> str:
    """Pick-and-place steps and pushes."""
    return question.writer.motions(question.steps, question.session.space)


def next_motion(question: Question) -> str:
    """The first step."""
    return question.writer.motions(question.steps[:1], question.session.space)


def actions(question: Question) -> str:
    """A chunk of numbers."""
    return question.writer.actions(question.steps, question.session.space)


def move(question: Question) -> str:
    """The name of the first step."""
    return question.steps[0].name


TEACHERS: dict[str, Teach] = {
    **dict.fromkeys(
        ("", "vqa", "categorize", "score", "caption", "image_tag", "video_caption", "video_tag"),
        written,
    ),
    **dict.fromkeys(("demonstration_caption", "audio_caption"), written),
    **dict.fromkeys(
        ("depth", "normals", "generate_image", "goal_image", "edit_image", "inpaint"), picture
    ),
    "refexp": one_box,
    "localize": boxes_of_class,
    "detect": boxes,
    "coco_detect": coco_boxes,
    "cuboids": cuboids,
    "keypoints": joints,
    "segment": mask,
    "generate_audio": sound,
    "plan": motions,
    "next_action": next_motion,
    "act": actions,
    "navigate": move,
}
"""The inverse of every task's decoder, by the name of the task."""


def _nearest(found: tuple[Detection, ...] | list[Detection], call: Call) -> int:
    """Which of the boxes a call is about: the one that its region overlaps most."""
    region = call.region if isinstance(call, (TextCall, PictureCall, ScoreCall)) else None
    if region is None or not found:
        raise TargetError("the answer has no box for the region that is asked about")
    overlaps = [_overlap(one.box, region) for one in found]
    return int(np.argmax(overlaps))


def _overlap(one: Box, other: Box) -> float:
    first, second = (LocatedBox(box.y1, box.x1, box.y2, box.x2) for box in (one, other))
    return intersection_over_union(first, second)
