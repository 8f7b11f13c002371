"""Action tasks in the words of openpi's policies: an observation in, a chunk of actions out.

openpi leaves the names in an observation to each robot: `observation/image` of LIBERO,
`observation/exterior_image_1_left` of DROID, `images` with `cam_high` of ALOHA. The text is
`prompt`. What comes back is `actions`, an array of (steps, dimensions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.answer import Answer, Timings
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.settings import setting
from uio2_ros.tasks.registry import TASKS

PROMPT, ACTIONS = "prompt", "actions"
MS = 1e3
Pixels = npt.NDArray[np.uint8]


# ---- our server, clients of openpi ----


def question_of(
    observation: Mapping[Any, Any], task: str, action_space: str, most_pixels: int
) -> tuple[Instruction, Observation]:
    """What an openpi client asks. The picture is the first that there is, in the client's order.

    InstructionError INVALID_REQUEST for a prompt that is no text, INVALID_INPUT for a picture that
    has more than `most_pixels`.
    """
    prompt = observation.get(PROMPT, "")
    if not isinstance(prompt, str):
        raise InstructionError(
            ErrorCode.INVALID_REQUEST, f"the prompt is a {type(prompt).__name__}; expected a text"
        )
    picture = next(_pictures(observation), None)
    image = None if picture is None else Frame(_rgb(picture, most_pixels), stamp_ns=0)
    return Instruction(prompt, task=task, action_space=action_space), Observation(image=image)


def _pictures(observation: Mapping[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    for value in observation.values():
        if isinstance(value, dict):
            yield from _pictures(value)
        elif (
            isinstance(value, np.ndarray)
            and value.ndim == 3
            and 3 in (value.shape[0], value.shape[2])
        ):
            yield value


def _rgb(picture: np.ndarray[Any, Any], most_pixels: int) -> Pixels:
    """(H, W, 3) uint8 of a picture with its channels first or last, of numbers to 255 or to 1."""
    rows = picture if picture.shape[2] == 3 else np.moveaxis(picture, 0, 2)
    if not 0 < rows.shape[0] * rows.shape[1] <= most_pixels:
        raise InstructionError(
            ErrorCode.INVALID_INPUT,
            f"a picture has {rows.shape[1]} x {rows.shape[0]} pixels; expected 1 to {most_pixels}",
        )
    if rows.dtype.kind == "f":
        rows = np.nan_to_num(rows.clip(0, 1)) * 255
    return np.ascontiguousarray(rows, dtype=np.uint8)


def result_of(answer: Answer) -> dict[str, Any]:
    """The answer to an openpi client. InstructionError if there is none.

    A row of actions is a step: its values in SI units; of a pick, place or push the poses it begins
    and ends at, each x, y in metres and yaw in radians. `action_names` says what each row is.
    """
    if answer.error_code is not ErrorCode.NONE:
        raise InstructionError(answer.error_code, answer.error_msg)
    steps = () if answer.plan is None else answer.plan.steps
    rows = [_row(step) for step in steps]
    return {
        ACTIONS: np.array(rows, np.float64).reshape(len(rows), -1 if rows else 0),
        "action_names": [step.name for step in steps],
        "text": answer.text,
        "model": answer.model,
        "policy_timing": _milliseconds(answer.timings),
    }


def _row(step: Step) -> tuple[float, ...]:
    if step.start is None or step.end is None:
        return step.values
    return tuple(v for pose in (step.start, step.end) for v in (pose.x, pose.y, pose.yaw))


def _milliseconds(timings: Timings) -> dict[str, float]:
    names = ("queue", "preprocess", "encode", "decode", "postprocess")
    return {
        "infer_ms": timings.total * MS,
        **{f"{name}_ms": getattr(timings, name) * MS for name in names},
    }


# ---- our agent, a server of openpi's ----


@dataclass(frozen=True)
class PolicySettings:
    """How an observation is put for a server that speaks openpi's protocol alone."""

    image: str = setting(
        "observation/image", "name of the picture in observations for openpi servers"
    )
    size: int = setting(
        224, "pixels of its sides, letterboxed; 0: as the camera took it", high=4096
    )


def observation_of(
    instruction: Instruction, observation: Observation, settings: PolicySettings
) -> dict[str, Any]:
    """What a policy is asked. InstructionError UNKNOWN_TASK for a task without continuous actions,
    NO_INPUT without a picture."""
    task = TASKS.get(instruction.task)
    if task is None or SpaceKind.CONTINUOUS not in task.action_spaces:
        able = [name for name, one in TASKS.items() if SpaceKind.CONTINUOUS in one.action_spaces]
        raise InstructionError(
            ErrorCode.UNKNOWN_TASK,
            f"the server is a policy, which gives actions only; expected {', '.join(able)}, got "
            f"task {instruction.task!r}",
        )
    if observation.image is None:
        raise InstructionError(ErrorCode.NO_INPUT, "no picture has arrived; start the camera")
    pixels = observation.image.pixels
    shown = letterboxed(pixels, settings.size) if settings.size else np.ascontiguousarray(pixels)
    return {settings.image: shown, PROMPT: instruction.instruction}


def letterboxed(pixels: Pixels, size: int) -> Pixels:
    """The whole picture (H, W, 3) in the middle of a black one of (size, size, 3)."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    shown = np.zeros((size, size, 3), np.uint8)
    top, left = (size - high) // 2, (size - wide) // 2
    shown[top : top + high, left : left + wide] = cv2.resize(
        pixels, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return shown


def answer_of(
    result: Mapping[Any, Any],
    instruction: Instruction,
    spaces: Mapping[str, ActionSpace],
    model: str,
) -> Answer:
    """The answer of a policy's actions (steps, dimensions), which are taken to be values of the
    instruction's action space in SI units, a step each period. InstructionError PARSE_FAILED for
    what does not fit it, INVALID_REQUEST for a space that is not known or not continuous."""
    name = instruction.action_space or TASKS[instruction.task].default_action_space
    space = spaces.get(name)
    if space is None or space.rate_hz is None:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST, f"{name!r} is no continuous action space of this agent"
        )
    actions = result.get(ACTIONS)
    wanted = f"(steps, {len(space.dimensions)}) finite numbers of action space {name!r}"
    if not isinstance(actions, np.ndarray) or actions.ndim != 2:
        raise InstructionError(ErrorCode.PARSE_FAILED, f"the policy gave no actions of {wanted}")
    if actions.shape[1] != len(space.dimensions) or not np.isfinite(actions).all():
        raise InstructionError(
            ErrorCode.PARSE_FAILED, f"the policy gave actions {actions.shape}; expected {wanted}"
        )
    steps = tuple(
        Step(
            ActionKind.CONTINUOUS,
            space.name,
            dimension_names=space.dimension_names,
            values=tuple(row),
            time_from_start_s=number / space.rate_hz,
        )
        for number, row in enumerate(actions.astype(np.float64).tolist(), start=1)
    )
    plan = TaskPlan(space.name, steps, space.frame_id)
    timings = Timings(decode=_inferred_s(result), tokens=0)
    return Answer(task=instruction.task, plan=plan, model=model, timings=timings)


def _inferred_s(result: Mapping[Any, Any]) -> float:
    """The seconds that the server says it took."""
    timing = result.get("server_timing")
    told = timing.get("infer_ms") if isinstance(timing, Mapping) else None
    return float(told) / MS if isinstance(told, int | float) and np.isfinite(told) else 0.0
