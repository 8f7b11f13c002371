"""One query per task: what is asked, and which part of the answer is wanted.

`AgentClient` has a method of the same name for each, which waits; `AgentClient.send(query)` does
not wait:

    pending = client.send(queries.locate("the red mug"))
    detection = pending.result()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from uio2_ros.client.failures import AgentError
from uio2_ros.client.request import Limits, Request
from uio2_ros.messages.agent_answer import AgentAnswer
from uio2_ros.robot.answer import Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan import Step, TaskPlan

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


@dataclass(frozen=True)
class Query(Generic[T]):
    """A request and how to read its answer."""

    request: Request
    read: Callable[[AgentAnswer], T]


def ask(
    instruction: str,
    *,
    task: str = "",
    options: Sequence[str] = (),
    region: Box | None = None,
    action_space: str = "",
    **limits: Unpack[Limits],
) -> Query[AgentAnswer]:
    """Anything, and the whole answer; without a task, free form."""
    request = Request(instruction, task, tuple(options), region, action_space, **limits)
    return Query(request, lambda answer: answer)


def locate(what: str, **limits: Unpack[Limits]) -> Query[Detection]:
    """The region that the text describes (task refexp)."""
    return Query(Request(what, "refexp", **limits), _only_detection)


def localize(what: str, **limits: Unpack[Limits]) -> Query[tuple[Detection, ...]]:
    """Every instance of a class; none is no error."""
    return Query(Request(what, "localize", **limits), _detections)


def detect(labels: Sequence[str] = (), **limits: Unpack[Limits]) -> Query[tuple[Detection, ...]]:
    """Every object; with labels, called nothing else."""
    return Query(Request("", "detect", tuple(labels), **limits), _detections)


def coco_detect(**limits: Unpack[Limits]) -> Query[tuple[Detection, ...]]:
    """Every object of a COCO class."""
    return Query(Request("", "coco_detect", **limits), _detections)


def keypoints(region: Box | None = None, **limits: Unpack[Limits]) -> Query[tuple[PointSet, ...]]:
    """The joints of the person in a region, or of everybody."""
    return Query(Request("", "keypoints", region=region, **limits), lambda answer: answer.keypoints)


def cuboids(what: str = "", **limits: Unpack[Limits]) -> Query[tuple[Cuboid, ...]]:
    """Objects as oriented boxes in the camera's optical frame, metres."""
    return Query(Request(what, "cuboids", **limits), lambda answer: answer.cuboids)


def segment(what: str = "", region: Box | None = None, **limits: Unpack[Limits]) -> Query[Picture]:
    """The mask of what the text names or the region holds: 0 or 255, of the picture's size."""
    return Query(Request(what, "segment", region=region, **limits), _picture)


def depth(**limits: Unpack[Limits]) -> Query[Picture]:
    """Metres at every pixel of the picture; 0 or NaN is unknown (REP 118)."""
    return Query(Request("", "depth", **limits), _picture)


def normals(**limits: Unpack[Limits]) -> Query[Picture]:
    """Unit vectors in the camera's optical frame at every pixel of the picture."""
    return Query(Request("", "normals", **limits), _picture)


def vqa(
    question: str,
    options: Sequence[str] = (),
    region: Box | None = None,
    **limits: Unpack[Limits],
) -> Query[str]:
    """A short answer, one of the options if there are any; {box} in it is the region."""
    return Query(Request(question, "vqa", tuple(options), region, **limits), _text)


def caption(**limits: Unpack[Limits]) -> Query[str]:
    """What the picture shows."""
    return Query(Request("", "caption", **limits), _text)


def video_caption(**limits: Unpack[Limits]) -> Query[str]:
    """What happens in the last pictures."""
    return Query(Request("", "video_caption", **limits), _text)


def demonstration_caption(**limits: Unpack[Limits]) -> Query[str]:
    """What was demonstrated in the last pictures, as an instruction."""
    return Query(Request("", "demonstration_caption", **limits), _text)


def audio_caption(**limits: Unpack[Limits]) -> Query[str]:
    """What is to be heard."""
    return Query(Request("", "audio_caption", **limits), _text)


def image_tag(**limits: Unpack[Limits]) -> Query[str]:
    """One word for the picture."""
    return Query(Request("", "image_tag", **limits), _text)


def video_tag(**limits: Unpack[Limits]) -> Query[str]:
    """One word for what happens in the last pictures."""
    return Query(Request("", "video_tag", **limits), _text)


def categorize(
    options: Sequence[str] = (), region: Box | None = None, **limits: Unpack[Limits]
) -> Query[str]:
    """The category of the picture or the region, one of the options if there are any."""
    return Query(Request("", "categorize", tuple(options), region, **limits), _text)


def score(
    instruction: str, options: Sequence[str], **limits: Unpack[Limits]
) -> Query[dict[str, float]]:
    """Mean log-likelihood per token of each option as answer; higher is better."""
    request = Request(instruction, "score", tuple(options), **limits)
    return Query(request, lambda answer: dict(zip(answer.options, answer.scores, strict=True)))


def next_action(instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> Query[Step]:
    """The next manipulation step."""
    request = Request(instruction, "next_action", action_space=action_space, **limits)
    return Query(request, lambda answer: _plan(answer).steps[0])


def plan(instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> Query[TaskPlan]:
    """The manipulation steps that do what the text asks."""
    return Query(Request(instruction, "plan", action_space=action_space, **limits), _plan)


def act(instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> Query[TaskPlan]:
    """The next steps of a continuous action space."""
    return Query(Request(instruction, "act", action_space=action_space, **limits), _plan)


def navigate(instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> Query[Step]:
    """The next move of the base."""
    request = Request(instruction, "navigate", action_space=action_space, **limits)
    return Query(request, lambda answer: _plan(answer).steps[0])


def generate_image(what: str, **limits: Unpack[Limits]) -> Query[Picture]:
    """A picture of what the text says, RGB."""
    return Query(Request(what, "generate_image", **limits), _picture)


def goal_image(instruction: str, **limits: Unpack[Limits]) -> Query[Picture]:
    """The scene as it is when the instruction is done, RGB."""
    return Query(Request(instruction, "goal_image", **limits), _picture)


def edit_image(instruction: str, **limits: Unpack[Limits]) -> Query[Picture]:
    """The picture changed as the text says, RGB."""
    return Query(Request(instruction, "edit_image", **limits), _picture)


def inpaint(region: Box, what: str = "", **limits: Unpack[Limits]) -> Query[Picture]:
    """The picture with the region filled in, RGB."""
    return Query(Request(what, "inpaint", region=region, **limits), _picture)


def generate_audio(what: str, **limits: Unpack[Limits]) -> Query[npt.NDArray[np.float32]]:
    """Sound of what the text says: mono samples, 16 kHz."""
    return Query(Request(what, "generate_audio", **limits), _audio)


def _text(answer: AgentAnswer) -> str:
    return answer.text


def _detections(answer: AgentAnswer) -> tuple[Detection, ...]:
    return answer.detections


def _only_detection(answer: AgentAnswer) -> Detection:
    if not answer.detections:
        raise _lacks(answer, "region")
    return answer.detections[0]


def _picture(answer: AgentAnswer) -> Picture:
    if not answer.pictures:
        raise _lacks(answer, "picture")
    return answer.pictures[0]


def _audio(answer: AgentAnswer) -> npt.NDArray[np.float32]:
    if not answer.audio:
        raise _lacks(answer, "sound")
    return answer.audio[0]


def _plan(answer: AgentAnswer) -> TaskPlan:
    if answer.plan is None or not answer.plan.steps:
        raise _lacks(answer, "step")
    return answer.plan


def _lacks(answer: AgentAnswer, what: str) -> AgentError:
    return AgentError(
        ErrorCode.PARSE_FAILED,
        f"the answer of {answer.task or 'free form'} has no {what}, only the text {answer.text!r}; "
        "ask again, or reword the instruction",
    )
