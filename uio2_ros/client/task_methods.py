"""A method per task that waits for the answer and gives the part of it that matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from uio2_ros.client import queries
from uio2_ros.client.queries import Query
from uio2_ros.client.request import Limits
from uio2_ros.robot.answer import Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import Step, TaskPlan

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class TaskMethods:
    """Inherited by what can `get` the answer to a query.

    Every method raises AgentError where there is no answer, and takes `Limits` as keywords.
    """

    def get(self, query: Query[T]) -> T:
        """Sends a query and waits for its answer."""
        raise NotImplementedError

    def locate(self, what: str, **limits: Unpack[Limits]) -> Detection:
        """The region that the text describes (task refexp)."""
        return self.get(queries.locate(what, **limits))

    def localize(self, what: str, **limits: Unpack[Limits]) -> tuple[Detection, ...]:
        """Every instance of a class; none is no error."""
        return self.get(queries.localize(what, **limits))

    def detect(self, labels: Sequence[str] = (), **limits: Unpack[Limits]) -> tuple[Detection, ...]:
        """Every object; with labels, called nothing else."""
        return self.get(queries.detect(labels, **limits))

    def coco_detect(self, **limits: Unpack[Limits]) -> tuple[Detection, ...]:
        """Every object of a COCO class."""
        return self.get(queries.coco_detect(**limits))

    def keypoints(
        self, region: Box | None = None, **limits: Unpack[Limits]
    ) -> tuple[PointSet, ...]:
        """The joints of the person in a region, or of everybody."""
        return self.get(queries.keypoints(region, **limits))

    def cuboids(self, what: str = "", **limits: Unpack[Limits]) -> tuple[Cuboid, ...]:
        """Objects as oriented boxes in the camera's optical frame, metres."""
        return self.get(queries.cuboids(what, **limits))

    def segment(
        self, what: str = "", region: Box | None = None, **limits: Unpack[Limits]
    ) -> Picture:
        """The mask of what the text names or the region holds: 0 or 255, of the picture's size."""
        return self.get(queries.segment(what, region, **limits))

    def depth(self, **limits: Unpack[Limits]) -> Picture:
        """Metres at every pixel of the picture; 0 or NaN is unknown (REP 118)."""
        return self.get(queries.depth(**limits))

    def normals(self, **limits: Unpack[Limits]) -> Picture:
        """Unit vectors in the camera's optical frame at every pixel of the picture."""
        return self.get(queries.normals(**limits))

    def vqa(
        self,
        question: str,
        options: Sequence[str] = (),
        region: Box | None = None,
        **limits: Unpack[Limits],
    ) -> str:
        """A short answer, one of the options if there are any; {box} in it is the region."""
        return self.get(queries.vqa(question, options, region, **limits))

    def caption(self, **limits: Unpack[Limits]) -> str:
        """What the picture shows."""
        return self.get(queries.caption(**limits))

    def video_caption(self, **limits: Unpack[Limits]) -> str:
        """What happens in the last pictures."""
        return self.get(queries.video_caption(**limits))

    def demonstration_caption(self, **limits: Unpack[Limits]) -> str:
        """What was demonstrated in the last pictures, as an instruction."""
        return self.get(queries.demonstration_caption(**limits))

    def audio_caption(self, **limits: Unpack[Limits]) -> str:
        """What is to be heard."""
        return self.get(queries.audio_caption(**limits))

    def image_tag(self, **limits: Unpack[Limits]) -> str:
        """One word for the picture."""
        return self.get(queries.image_tag(**limits))

    def video_tag(self, **limits: Unpack[Limits]) -> str:
        """One word for what happens in the last pictures."""
        return self.get(queries.video_tag(**limits))

    def categorize(
        self, options: Sequence[str] = (), region: Box | None = None, **limits: Unpack[Limits]
    ) -> str:
        """The category of the picture or the region, one of the options if there are any."""
        return self.get(queries.categorize(options, region, **limits))

    def score(
        self, instruction: str, options: Sequence[str], **limits: Unpack[Limits]
    ) -> dict[str, float]:
        """Mean log-likelihood per token of each option as answer; higher is better."""
        return self.get(queries.score(instruction, options, **limits))

    def next_action(
        self, instruction: str, action_space: str = "", **limits: Unpack[Limits]
    ) -> Step:
        """The next manipulation step."""
        return self.get(queries.next_action(instruction, action_space, **limits))

    def plan(self, instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> TaskPlan:
        """The manipulation steps that do what the text asks."""
        return self.get(queries.plan(instruction, action_space, **limits))

    def act(self, instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> TaskPlan:
        """The next steps of a continuous action space."""
        return self.get(queries.act(instruction, action_space, **limits))

    def navigate(self, instruction: str, action_space: str = "", **limits: Unpack[Limits]) -> Step:
        """The next move of the base."""
        return self.get(queries.navigate(instruction, action_space, **limits))

    def generate_image(self, what: str, **limits: Unpack[Limits]) -> Picture:
        """A picture of what the text says, RGB."""
        return self.get(queries.generate_image(what, **limits))

    def goal_image(self, instruction: str, **limits: Unpack[Limits]) -> Picture:
        """The scene as it is when the instruction is done, RGB."""
        return self.get(queries.goal_image(instruction, **limits))

    def edit_image(self, instruction: str, **limits: Unpack[Limits]) -> Picture:
        """The picture changed as the text says, RGB."""
        return self.get(queries.edit_image(instruction, **limits))

    def inpaint(self, region: Box, what: str = "", **limits: Unpack[Limits]) -> Picture:
        """The picture with the region filled in, RGB."""
        return self.get(queries.inpaint(region, what, **limits))

    def generate_audio(self, what: str, **limits: Unpack[Limits]) -> npt.NDArray[np.float32]:
        """Sound of what the text says: mono samples, 16 kHz."""
        return self.get(queries.generate_audio(what, **limits))
