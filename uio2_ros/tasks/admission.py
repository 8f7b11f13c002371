"""Whether an instruction can be carried out, checked before the model is troubled. numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping

from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks.task import Task, Use

BOX = "{box}"


def admit(
    task: Task,
    instruction: Instruction,
    observation: Observation,
    spaces: Mapping[str, ActionSpace],
) -> ActionSpace | None:
    """Check an instruction; gives the action space it is about, None for tasks without one.

    Raises InstructionError INVALID_REQUEST or NO_INPUT that says what to change.
    """
    _check_text(task, instruction)
    _check_options(task, instruction)
    _check_observation(task, observation)
    _check_region(task, instruction, observation.image)
    return _action_space(task, instruction, spaces)


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)


def _title(task: Task) -> str:
    return f"task {task.name!r}" if task.name else "a free-form instruction"


def _check_text(task: Task, instruction: Instruction) -> None:
    if task.use_of("instruction") is Use.REQUIRED and not instruction.instruction.strip():
        raise _invalid(f"the instruction is empty; {_title(task)} needs one: {task.description}")


def _check_options(task: Task, instruction: Instruction) -> None:
    if task.use_of("options") is Use.NONE and instruction.options:
        raise _invalid(f"{_title(task)} takes no options; leave them out, or use task 'score'")
    if task.use_of("options") is Use.REQUIRED and not instruction.options:
        raise _invalid(f"{_title(task)} needs options to choose from; give at least one")
    for number, option in enumerate(instruction.options, start=1):
        if not option.strip():
            raise _invalid(f"option {number} of {len(instruction.options)} is empty; leave it out")


def _check_observation(task: Task, observation: Observation) -> None:
    heard = observation.audio is not None and observation.audio.size > 0
    if task.image is Use.REQUIRED and observation.image is None:
        raise _no_input(task, "a picture", "the camera publishes")
    if task.history is Use.REQUIRED and not observation.history:
        raise _no_input(task, "earlier pictures beside the newest", "the image history has filled")
    if task.audio is Use.REQUIRED and not heard:
        raise _no_input(task, "sound", "the microphone publishes")
    sees_nothing = task.image is task.history is task.audio is Use.NONE
    if not sees_nothing and observation.image is None and not observation.history and not heard:
        raise _no_input(task, "a picture or sound", "the camera or the microphone publishes")


def _no_input(task: Task, missing: str, remedy: str) -> InstructionError:
    return InstructionError(
        ErrorCode.NO_INPUT,
        f"{_title(task)} needs {missing} and there is none yet; check that {remedy}",
    )


def _check_region(task: Task, instruction: Instruction, image: Frame | None) -> None:
    region = instruction.region
    if region is None:
        if task.use_of("region") is Use.REQUIRED:
            raise _invalid(f"{_title(task)} needs a region of the picture; give one in pixels")
        if BOX in instruction.instruction:
            raise _invalid(f"the instruction says {BOX} but there is no region; give one in pixels")
        return
    if task.use_of("region") is Use.NONE:
        raise _invalid(f"{_title(task)} takes no region; leave it out")
    if task.use_of("instruction") is Use.REQUIRED and BOX not in instruction.instruction:
        raise _invalid(f"a region is given but the instruction does not say where: write {BOX}")
    if image is None:
        raise _no_input(task, "the picture that the region lies in", "the camera publishes")
    _check_inside(region, *image.pixels.shape[:2])


def _check_inside(region: Box, height: int, width: int) -> None:
    corners = (region.x1, region.y1, region.x2, region.y2)
    named = ", ".join(f"{corner:g}" for corner in corners)
    if not all(math.isfinite(corner) for corner in corners):
        raise _invalid(f"the region {named} (x1, y1, x2, y2) is not finite")
    if region.x1 >= region.x2 or region.y1 >= region.y2:
        raise _invalid(f"the region {named} is empty or inverted; expected x1 < x2 and y1 < y2")
    if region.x1 < 0 or region.y1 < 0 or region.x2 > width or region.y2 > height:
        raise _invalid(
            f"the region {named} (x1, y1, x2, y2) is not inside the picture of {width} x {height} "
            "pixels; cut it to the picture"
        )


def _action_space(
    task: Task, instruction: Instruction, spaces: Mapping[str, ActionSpace]
) -> ActionSpace | None:
    if not task.action_spaces:
        if instruction.action_space:
            raise _invalid(f"{_title(task)} takes no action space; leave it out")
        return None
    name = instruction.action_space or task.default_action_space
    fitting = [space.name for space in spaces.values() if space.kind in task.action_spaces]
    if name not in spaces:
        known = ", ".join(fitting) or "none: add a file to config/action_spaces"
        raise _invalid(f"no action space is called {name!r}; for {_title(task)} there are {known}")
    if name not in fitting:
        kinds = " or ".join(kind.value for kind in task.action_spaces)
        raise _invalid(
            f"action space {name!r} is of kind {spaces[name].kind.value}, {_title(task)} needs "
            f"{kinds}: {', '.join(fitting)}"
        )
    return spaces[name]
