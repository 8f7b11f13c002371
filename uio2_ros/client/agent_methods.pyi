# Made by uio2_ros.cli.task_reference: edit the tasks instead.

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

from uio2_ros.client.pending_answer import OnProgress, PendingAnswer
from uio2_ros.robot.answer import Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.tasks.methods import TaskMethods

class AskSettings(TypedDict, total=False):
    max_age_s: float
    timeout_s: float
    seed: int
    on_progress: OnProgress | None
    picture: bytes

class AgentMethods(TaskMethods):
    """Each method gives the part of the answer that matters; with `_async`, a PendingAnswer of it.

    All raise AgentError where there is no answer, and take `AskSettings` as keywords.
    """

    def act(self, text: str, action_space: str = "", **settings: Unpack[AskSettings]) -> TaskPlan:
        """The next steps of the robot in a continuous action space: one SI value per dimension, and
        when each step is due."""

    def audio_caption(self, **settings: Unpack[AskSettings]) -> str:
        """What is to be heard."""

    def caption(self, **settings: Unpack[AskSettings]) -> str:
        """What the picture shows."""

    def categorize(
        self,
        options: Sequence[str] = (),
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> str:
        """The category of the picture or of a region of it, one of the options if there are any."""

    def coco_detect(self, **settings: Unpack[AskSettings]) -> tuple[Detection, ...]:
        """The objects in the picture that belong to the 80 COCO classes, as labelled boxes."""

    def cuboids(
        self, labels: Sequence[str] = (), **settings: Unpack[AskSettings]
    ) -> tuple[Cuboid, ...]:
        """All objects as oriented boxes in the camera's optical frame (x right, y down, z forward):
        centre and size in metres, and what they cover of the picture. Needs camera_info."""

    def demonstration_caption(self, **settings: Unpack[AskSettings]) -> str:
        """What the robot does in the last pictures."""

    def depth(self, **settings: Unpack[AskSettings]) -> Picture:
        """How far every pixel of the picture is: metres along the optical axis, float32, H x W of
        the picture."""

    def detect(
        self, labels: Sequence[str] = (), **settings: Unpack[AskSettings]
    ) -> tuple[Detection, ...]:
        """All objects in the picture, as labelled boxes."""

    def edit_image(self, text: str, **settings: Unpack[AskSettings]) -> Picture:
        """The picture, changed: RGB uint8 of its size."""

    def generate_audio(self, text: str, **settings: Unpack[AskSettings]) -> npt.NDArray[np.float32]:
        """A sound: mono float32 at 16 kHz in [-1, 1], 4.08 s. Camera and microphone are not
        used."""

    def generate_image(self, text: str, **settings: Unpack[AskSettings]) -> Picture:
        """A picture: RGB uint8, 256 x 256. The camera is not used."""

    def goal_image(self, text: str, **settings: Unpack[AskSettings]) -> Picture:
        """What the picture will show once the instruction is carried out: RGB uint8 of the
        picture's size."""

    def image_from_segments(self, names: str, **settings: Unpack[AskSettings]) -> Picture:
        """A picture, RGB uint8, 256 x 256, whose segments are those of the picture that is seen:
        black where there is none, else in the colours that the text gives their names."""

    def image_tag(self, **settings: Unpack[AskSettings]) -> str:
        """What the picture shows, in a word or two."""

    def inpaint(self, region: Box, text: str = "", **settings: Unpack[AskSettings]) -> Picture:
        """The picture with a region drawn anew, the rest untouched."""

    def keypoints(
        self, region: Box | None = None, **settings: Unpack[AskSettings]
    ) -> tuple[PointSet, ...]:
        """The 17 COCO joints of a person, or of everybody in the picture, in pixels."""

    def localize(self, what: str, **settings: Unpack[AskSettings]) -> tuple[Detection, ...]:
        """Every instance of a class, as boxes."""

    def navigate(self, text: str, action_space: str = "", **settings: Unpack[AskSettings]) -> Step:
        """The next move of the base and the motion it stands for, SI units."""

    def next_action(
        self, text: str, action_space: str = "", **settings: Unpack[AskSettings]
    ) -> Step:
        """The next manipulation step, a pick and place or a push: metres and radians in the action
        space's frame."""

    def normals(self, **settings: Unpack[AskSettings]) -> Picture:
        """Which way the surface at every pixel of the picture faces: unit vectors in the optical
        frame, z negative (facing the camera), float32, H x W x 3; NaN where the model drew gray or
        a surface seen from behind."""

    def plan(self, text: str, action_space: str = "", **settings: Unpack[AskSettings]) -> TaskPlan:
        """The manipulation steps that do what the instruction asks, each as in next_action."""

    def locate(self, text: str, **settings: Unpack[AskSettings]) -> Detection:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def refexp(self, text: str, **settings: Unpack[AskSettings]) -> Detection:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def region_caption(self, region: Box, **settings: Unpack[AskSettings]) -> str:
        """What a region of the picture shows."""

    def score(
        self,
        text: str,
        options: Sequence[str],
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> dict[str, float]:
        """How well each option answers the instruction: mean log-likelihood per token, higher is
        better."""

    def segment(
        self, what: str = "", region: Box | None = None, **settings: Unpack[AskSettings]
    ) -> Picture:
        """A mask of the object in a region, or of every instance of a class: uint8, 0 or 255, H x W
        of the picture, and its box. Methods give all masks as one."""

    def video_caption(self, **settings: Unpack[AskSettings]) -> str:
        """What happens in the last pictures, with their sound if there is any."""

    def video_tag(self, **settings: Unpack[AskSettings]) -> str:
        """The action that the last pictures show, in a few words."""

    def vqa(
        self,
        question: str,
        options: Sequence[str] = (),
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> str:
        """A short answer to a question about the picture, one of the options if there are any."""

    def act_async(
        self, text: str, action_space: str = "", **settings: Unpack[AskSettings]
    ) -> PendingAnswer[TaskPlan]:
        """The next steps of the robot in a continuous action space: one SI value per dimension, and
        when each step is due."""

    def audio_caption_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """What is to be heard."""

    def caption_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """What the picture shows."""

    def categorize_async(
        self,
        options: Sequence[str] = (),
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> PendingAnswer[str]:
        """The category of the picture or of a region of it, one of the options if there are any."""

    def coco_detect_async(
        self, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[tuple[Detection, ...]]:
        """The objects in the picture that belong to the 80 COCO classes, as labelled boxes."""

    def cuboids_async(
        self, labels: Sequence[str] = (), **settings: Unpack[AskSettings]
    ) -> PendingAnswer[tuple[Cuboid, ...]]:
        """All objects as oriented boxes in the camera's optical frame (x right, y down, z forward):
        centre and size in metres, and what they cover of the picture. Needs camera_info."""

    def demonstration_caption_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """What the robot does in the last pictures."""

    def depth_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[Picture]:
        """How far every pixel of the picture is: metres along the optical axis, float32, H x W of
        the picture."""

    def detect_async(
        self, labels: Sequence[str] = (), **settings: Unpack[AskSettings]
    ) -> PendingAnswer[tuple[Detection, ...]]:
        """All objects in the picture, as labelled boxes."""

    def edit_image_async(
        self, text: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """The picture, changed: RGB uint8 of its size."""

    def generate_audio_async(
        self, text: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[npt.NDArray[np.float32]]:
        """A sound: mono float32 at 16 kHz in [-1, 1], 4.08 s. Camera and microphone are not
        used."""

    def generate_image_async(
        self, text: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """A picture: RGB uint8, 256 x 256. The camera is not used."""

    def goal_image_async(
        self, text: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """What the picture will show once the instruction is carried out: RGB uint8 of the
        picture's size."""

    def image_from_segments_async(
        self, names: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """A picture, RGB uint8, 256 x 256, whose segments are those of the picture that is seen:
        black where there is none, else in the colours that the text gives their names."""

    def image_tag_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """What the picture shows, in a word or two."""

    def inpaint_async(
        self, region: Box, text: str = "", **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """The picture with a region drawn anew, the rest untouched."""

    def keypoints_async(
        self, region: Box | None = None, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[tuple[PointSet, ...]]:
        """The 17 COCO joints of a person, or of everybody in the picture, in pixels."""

    def localize_async(
        self, what: str, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[tuple[Detection, ...]]:
        """Every instance of a class, as boxes."""

    def navigate_async(
        self, text: str, action_space: str = "", **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Step]:
        """The next move of the base and the motion it stands for, SI units."""

    def next_action_async(
        self, text: str, action_space: str = "", **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Step]:
        """The next manipulation step, a pick and place or a push: metres and radians in the action
        space's frame."""

    def normals_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[Picture]:
        """Which way the surface at every pixel of the picture faces: unit vectors in the optical
        frame, z negative (facing the camera), float32, H x W x 3; NaN where the model drew gray or
        a surface seen from behind."""

    def plan_async(
        self, text: str, action_space: str = "", **settings: Unpack[AskSettings]
    ) -> PendingAnswer[TaskPlan]:
        """The manipulation steps that do what the instruction asks, each as in next_action."""

    def locate_async(self, text: str, **settings: Unpack[AskSettings]) -> PendingAnswer[Detection]:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def refexp_async(self, text: str, **settings: Unpack[AskSettings]) -> PendingAnswer[Detection]:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def region_caption_async(
        self, region: Box, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[str]:
        """What a region of the picture shows."""

    def score_async(
        self,
        text: str,
        options: Sequence[str],
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> PendingAnswer[dict[str, float]]:
        """How well each option answers the instruction: mean log-likelihood per token, higher is
        better."""

    def segment_async(
        self, what: str = "", region: Box | None = None, **settings: Unpack[AskSettings]
    ) -> PendingAnswer[Picture]:
        """A mask of the object in a region, or of every instance of a class: uint8, 0 or 255, H x W
        of the picture, and its box. Methods give all masks as one."""

    def video_caption_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """What happens in the last pictures, with their sound if there is any."""

    def video_tag_async(self, **settings: Unpack[AskSettings]) -> PendingAnswer[str]:
        """The action that the last pictures show, in a few words."""

    def vqa_async(
        self,
        question: str,
        options: Sequence[str] = (),
        region: Box | None = None,
        **settings: Unpack[AskSettings],
    ) -> PendingAnswer[str]:
        """A short answer to a question about the picture, one of the options if there are any."""
