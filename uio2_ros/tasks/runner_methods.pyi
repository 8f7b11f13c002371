# Made by uio2_ros.cli.task_reference: edit the tasks instead.

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.observation import Frame
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.tasks.methods import TaskMethods

Image = npt.NDArray[np.uint8] | str | os.PathLike[str] | Frame
Samples = npt.NDArray[np.float32]

class RunnerMethods(TaskMethods):
    """Each method gives the part of the answer that matters; all raise what `run` raises."""

    def ask(
        self,
        image: Image | None,
        text: str,
        options: Sequence[str] = (),
        region: Box | None = None,
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        seed: int = 0,
    ) -> Answer:
        """Free form: boxes and points in the text are given as detections and keypoints."""

    def act(
        self,
        image: Image,
        text: str,
        action_space: str = "",
        *,
        history: Sequence[Image] = (),
        seed: int = 0,
    ) -> TaskPlan:
        """The next steps of the robot in a continuous action space: one SI value per dimension, and
        when each step is due."""

    def audio_caption(self, audio: Samples, *, rate_hz: int = 16000, seed: int = 0) -> str:
        """What is to be heard."""

    def caption(self, image: Image, *, seed: int = 0) -> str:
        """What the picture shows."""

    def categorize(
        self, image: Image, options: Sequence[str] = (), region: Box | None = None, *, seed: int = 0
    ) -> str:
        """The category of the picture or of a region of it, one of the options if there are any."""

    def coco_detect(self, image: Image, *, seed: int = 0) -> tuple[Detection, ...]:
        """The objects in the picture that belong to the 80 COCO classes, as labelled boxes."""

    def cuboids(
        self, image: Image, camera: CameraModel, labels: Sequence[str] = (), *, seed: int = 0
    ) -> tuple[Cuboid, ...]:
        """All objects as oriented boxes in the camera's optical frame (x right, y down, z forward):
        centre and size in metres, and what they cover of the picture. Needs camera_info."""

    def demonstration_caption(self, frames: Sequence[Image], *, seed: int = 0) -> str:
        """What the robot does in the last pictures."""

    def depth(self, image: Image, *, seed: int = 0) -> Picture:
        """How far every pixel of the picture is: metres along the optical axis, float32, H x W of
        the picture."""

    def detect(
        self, image: Image, labels: Sequence[str] = (), *, seed: int = 0
    ) -> tuple[Detection, ...]:
        """All objects in the picture, as labelled boxes."""

    def edit_image(self, image: Image, text: str, *, seed: int = 0) -> Picture:
        """The picture, changed: RGB uint8 of its size."""

    def generate_audio(self, text: str, *, seed: int = 0) -> npt.NDArray[np.float32]:
        """A sound: mono float32 at 16 kHz in [-1, 1], 4.08 s. Camera and microphone are not
        used."""

    def generate_image(self, text: str, *, seed: int = 0) -> Picture:
        """A picture: RGB uint8, 256 x 256. The camera is not used."""

    def goal_image(self, image: Image, text: str, *, seed: int = 0) -> Picture:
        """What the picture will show once the instruction is carried out: RGB uint8 of the
        picture's size."""

    def image_from_segments(self, image: Image, names: str, *, seed: int = 0) -> Picture:
        """A picture, RGB uint8, 256 x 256, whose segments are those of the picture that is seen:
        black where there is none, else in the colours that the text gives their names."""

    def image_tag(self, image: Image, *, seed: int = 0) -> str:
        """What the picture shows, in a word or two."""

    def inpaint(self, image: Image, region: Box, text: str = "", *, seed: int = 0) -> Picture:
        """The picture with a region drawn anew, the rest untouched."""

    def keypoints(
        self, image: Image, region: Box | None = None, *, seed: int = 0
    ) -> tuple[PointSet, ...]:
        """The 17 COCO joints of a person, or of everybody in the picture, in pixels."""

    def localize(self, image: Image, what: str, *, seed: int = 0) -> tuple[Detection, ...]:
        """Every instance of a class, as boxes."""

    def navigate(
        self,
        image: Image,
        text: str,
        action_space: str = "",
        *,
        history: Sequence[Image] = (),
        past_moves: Sequence[str] = (),
        seed: int = 0,
    ) -> Step:
        """The next move of the base and the motion it stands for, SI units."""

    def next_action(
        self,
        image: Image,
        text: str,
        action_space: str = "",
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        seed: int = 0,
    ) -> Step:
        """The next manipulation step, a pick and place or a push: metres and radians in the action
        space's frame."""

    def normals(self, image: Image, *, seed: int = 0) -> Picture:
        """Which way the surface at every pixel of the picture faces: unit vectors in the optical
        frame, z negative (facing the camera), float32, H x W x 3; NaN where the model drew gray or
        a surface seen from behind."""

    def plan(
        self,
        image: Image,
        text: str,
        action_space: str = "",
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        seed: int = 0,
    ) -> TaskPlan:
        """The manipulation steps that do what the instruction asks, each as in next_action."""

    def locate(self, image: Image, text: str, *, seed: int = 0) -> Detection:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def refexp(self, image: Image, text: str, *, seed: int = 0) -> Detection:
        """The region of the picture that a text describes, as one box labelled with the text."""

    def region_caption(self, image: Image, region: Box, *, seed: int = 0) -> str:
        """What a region of the picture shows."""

    def score(
        self,
        image: Image | None,
        text: str,
        options: Sequence[str],
        region: Box | None = None,
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        seed: int = 0,
    ) -> dict[str, float]:
        """How well each option answers the instruction: mean log-likelihood per token, higher is
        better."""

    def segment(
        self, image: Image, what: str = "", region: Box | None = None, *, seed: int = 0
    ) -> Picture:
        """A mask of the object in a region, or of every instance of a class: uint8, 0 or 255, H x W
        of the picture, and its box. Methods give all masks as one."""

    def video_caption(
        self,
        frames: Sequence[Image],
        *,
        audio: Samples | None = None,
        rate_hz: int = 16000,
        seed: int = 0,
    ) -> str:
        """What happens in the last pictures, with their sound if there is any."""

    def video_tag(self, frames: Sequence[Image], *, seed: int = 0) -> str:
        """The action that the last pictures show, in a few words."""

    def vqa(
        self,
        image: Image,
        question: str,
        options: Sequence[str] = (),
        region: Box | None = None,
        *,
        seed: int = 0,
    ) -> str:
        """A short answer to a question about the picture, one of the options if there are any."""
