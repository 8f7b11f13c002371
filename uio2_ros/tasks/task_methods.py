"""One method per task: short ways to an answer for programs that have pictures, not messages."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uio2_ros.processing.image import read_picture
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import Step, TaskPlan

Image = npt.NDArray[np.uint8] | str | os.PathLike[str] | Frame  # RGB (H, W, 3), a file, a frame
Samples = npt.NDArray[np.float32]  # mono


class TaskMethods(ABC):
    """Each method gives the interesting part of the answer; all raise what `run` raises."""

    @abstractmethod
    def run(self, instruction: Instruction, observation: Observation) -> Answer:
        """Answer an instruction."""

    def ask(self, image: Image | None, text: str, *, audio: Samples | None = None) -> Answer:
        """Free form: the whole answer, since anything may be in it."""
        return self._run("", text, image, audio=audio)

    def refexp(self, image: Image, text: str) -> Detection:
        """The region that the text describes."""
        return self._run("refexp", text, image).detections[0]

    def localize(self, image: Image, what: str) -> tuple[Detection, ...]:
        """Every instance of a class."""
        return self._run("localize", what, image).detections

    def detect(self, image: Image, labels: Sequence[str] = ()) -> tuple[Detection, ...]:
        """Every object; with labels, called nothing else."""
        return self._run("detect", "", image, options=labels).detections

    def keypoints(self, image: Image, region: Box | None = None) -> tuple[PointSet, ...]:
        """The joints of the person in a region, or of everybody."""
        return self._run("keypoints", "", image, region=region).keypoints

    def vqa(self, image: Image, question: str) -> str:
        """A short answer."""
        return self._run("vqa", question, image).text

    def caption(self, image: Image) -> str:
        """What the picture shows."""
        return self._run("caption", "", image).text

    def video_caption(self, frames: Sequence[Image]) -> str:
        """What happens in pictures, oldest first."""
        return self._watch("video_caption", frames)

    def video_tag(self, frames: Sequence[Image]) -> str:
        """The action that pictures, oldest first, show."""
        return self._watch("video_tag", frames)

    def demonstration_caption(self, frames: Sequence[Image]) -> str:
        """What the robot does in pictures, oldest first."""
        return self._watch("demonstration_caption", frames)

    def image_tag(self, image: Image) -> str:
        """What the picture shows, in a word or two."""
        return self._run("image_tag", "", image).text

    def coco_detect(self, image: Image) -> tuple[Detection, ...]:
        """The objects of the 80 COCO classes."""
        return self._run("coco_detect", "", image).detections

    def cuboids(
        self, image: Image, camera: CameraModel, labels: Sequence[str] = ()
    ) -> tuple[Cuboid, ...]:
        """Every object as an oriented box in the camera's optical frame, metres."""
        return self._run("cuboids", "", image, camera=camera, options=labels).cuboids

    def segment(self, image: Image, what: str = "", region: Box | None = None) -> Picture:
        """The mask of the object in a region, or of all instances of what is named together.

        Black, with a score of 0, where nothing is found; `run` gives one mask per instance.
        """
        frame = _frame(image)
        masks = self._run("segment", what, frame, region=region).pictures
        pixels = np.zeros(frame.pixels.shape[:2], np.uint8)
        for mask in masks:
            np.maximum(pixels, mask.pixels, out=pixels, casting="unsafe")
        return Picture("mask", pixels, what, max((mask.score for mask in masks), default=0.0))

    def depth(self, image: Image) -> Picture:
        """Metres along the optical axis, float32 (H, W)."""
        return self._run("depth", "", image).pictures[0]

    def normals(self, image: Image) -> Picture:
        """Unit vectors in the optical frame, float32 (H, W, 3), NaN where there is none."""
        return self._run("normals", "", image).pictures[0]

    def generate_image(self, text: str, *, seed: int = 0) -> Picture:
        """A square picture of a text."""
        return self._run("generate_image", text, None, seed=seed).pictures[0]

    def goal_image(self, image: Image, text: str, *, seed: int = 0) -> Picture:
        """What the picture will show once the text is carried out."""
        return self._run("goal_image", text, image, seed=seed).pictures[0]

    def edit_image(self, image: Image, text: str, *, seed: int = 0) -> Picture:
        """The picture, changed as the text says."""
        return self._run("edit_image", text, image, seed=seed).pictures[0]

    def inpaint(self, image: Image, region: Box, text: str = "", *, seed: int = 0) -> Picture:
        """The picture with a region drawn anew; the text may say what it shall show."""
        return self._run("inpaint", text, image, region=region, seed=seed).pictures[0]

    def generate_audio(self, text: str, *, seed: int = 0) -> Samples:
        """The sound of a text: mono at 16 kHz."""
        return self._run("generate_audio", text, None, seed=seed).audio[0]

    def audio_caption(self, audio: Samples, rate_hz: int = 16000) -> str:
        """What is to be heard in mono samples in [-1, 1]."""
        return self._run("audio_caption", "", None, audio=audio, rate_hz=rate_hz).text

    def categorize(
        self, image: Image, options: Sequence[str] = (), region: Box | None = None
    ) -> str:
        """The category of a picture or a region of it, one of the options if there are any."""
        return self._run("categorize", "", image, options=options, region=region).text

    def score(self, image: Image, text: str, options: Sequence[str]) -> tuple[float, ...]:
        """Mean log-likelihood per token of each option as answer to a text."""
        return self._run("score", text, image, options=options).scores

    def next_action(
        self,
        image: Image,
        text: str,
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        action_space: str = "",
    ) -> Step:
        """The next manipulation step. audio: mono samples in [-1, 1] of the last seconds."""
        answer = self._run(
            "next_action",
            text,
            image,
            history=history,
            audio=audio,
            rate_hz=rate_hz,
            action_space=action_space,
        )
        return _plan_of(answer).steps[0]

    def plan(
        self,
        image: Image,
        text: str,
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        action_space: str = "",
    ) -> TaskPlan:
        """The manipulation steps that do what the text asks; audio as in `next_action`."""
        answer = self._run(
            "plan",
            text,
            image,
            history=history,
            audio=audio,
            rate_hz=rate_hz,
            action_space=action_space,
        )
        return _plan_of(answer)

    def act(
        self,
        image: Image,
        text: str,
        *,
        history: Sequence[Image] = (),
        action_space: str = "",
    ) -> TaskPlan:
        """The next steps in a continuous action space, timed."""
        answer = self._run("act", text, image, history=history, action_space=action_space)
        return _plan_of(answer)

    def navigate(
        self,
        image: Image,
        text: str,
        *,
        history: Sequence[Image] = (),
        past_moves: Sequence[str] = (),
        action_space: str = "",
    ) -> Step:
        """The next move of the base; past_moves are `observation ( x z y ) action` texts."""
        answer = self._run(
            "navigate",
            text,
            image,
            history=history,
            past_moves=past_moves,
            action_space=action_space,
        )
        return _plan_of(answer).steps[0]

    def _watch(self, task: str, frames: Sequence[Image]) -> str:
        newest = frames[-1] if frames else None
        return self._run(task, "", newest, history=frames[:-1]).text

    def _run(
        self,
        task: str,
        text: str,
        image: Image | None,
        *,
        history: Sequence[Image] = (),
        audio: Samples | None = None,
        rate_hz: int = 16000,
        options: Sequence[str] = (),
        region: Box | None = None,
        past_moves: Sequence[str] = (),
        action_space: str = "",
        camera: CameraModel | None = None,
        seed: int = 0,
    ) -> Answer:
        instruction = Instruction(text, task, tuple(options), region, action_space, seed)
        observation = Observation(
            image=None if image is None else _frame(image),
            history=tuple(_frame(older) for older in history),
            audio=audio,
            audio_rate=rate_hz,
            camera=camera,
            robot_history=tuple(past_moves),
        )
        return self.run(instruction, observation)


def _frame(picture: Image) -> Frame:
    return picture if isinstance(picture, Frame) else Frame(read_picture(picture), stamp_ns=0)


def _plan_of(answer: Answer) -> TaskPlan:
    assert answer.plan is not None, "tasks that act always give a plan"
    return answer.plan
