"""One method per task for programs that have pictures, not messages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from inspect import Parameter
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.processing.image import read_picture
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks.methods import MethodKind, TaskMethods, instruction_of, keyword, parameter
from uio2_ros.tasks.task import Task, Use

Image = npt.NDArray[np.uint8] | str | os.PathLike[str] | Frame  # RGB (H, W, 3), a file, a frame
Samples = npt.NDArray[np.float32]  # mono, in [-1, 1]


def _first(task: Task) -> Sequence[Parameter]:
    """What the task must see or hear. frames: the pictures, oldest first."""
    parameters = []
    if task.image is not Use.NONE and task.history is Use.REQUIRED:
        parameters.append(parameter("frames", "Sequence[Image]"))
    elif task.image is not Use.NONE:
        missing = "" if task.image is Use.REQUIRED else " | None"
        parameters.append(parameter("image", f"Image{missing}"))
    if task.audio is Use.REQUIRED:
        parameters.append(parameter("audio", "Samples"))
    if task.camera is Use.REQUIRED:
        parameters.append(parameter("camera", "CameraModel"))
    return parameters


def _last(task: Task) -> Sequence[Parameter]:
    """What the task can make use of. past_moves: `observation ( x z y ) action` texts."""
    parameters = []
    if task.history is Use.OPTIONAL:
        parameters.append(keyword("history", "Sequence[Image]", ()))
    if task.audio is Use.OPTIONAL:
        parameters.append(keyword("audio", "Samples | None", None))
    if task.audio is not Use.NONE:
        parameters.append(keyword("rate_hz", "int", Observation.audio_rate))
    if task.camera is Use.OPTIONAL:
        parameters.append(keyword("camera", "CameraModel | None", None))
    if task.moves is not Use.NONE:
        parameters.append(keyword("past_moves", "Sequence[str]", ()))
    return [*parameters, keyword("seed", "int", 0)]


def _run(runner: Any, task: Task, given: Mapping[str, Any]) -> Any:
    instruction = instruction_of(task, given, given["seed"])
    return task.gives(runner.run(instruction, _observation(given)))


def _observation(given: Mapping[str, Any]) -> Observation:
    *older, newest = [*given.get("history", ()), *given.get("frames", [given.get("image")])] or [
        None
    ]
    return Observation(
        image=None if newest is None else _frame(newest),
        history=tuple(map(_frame, older)),
        audio=given.get("audio"),
        audio_rate=given.get("rate_hz", Observation.audio_rate),
        camera=given.get("camera"),
        robot_history=tuple(given.get("past_moves", ())),
    )


def _frame(picture: Image) -> Frame:
    return picture if isinstance(picture, Frame) else Frame(read_picture(picture), stamp_ns=0)


class RunnerMethods(TaskMethods):
    """Each method gives the part of the answer that matters; all raise what `run` raises."""

    _kinds = MappingProxyType({"": MethodKind(_run, _first, _last)})
