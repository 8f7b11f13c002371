"""Asks the recorded instructions again, of the same pictures and sound, and compares the answers.

No graph is needed: the pictures are those of the recording with the stamps that the instruction
saw, decoded as the agent decodes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.serialization import serialize_message

from uio2_ros.messages.answers import result_message
from uio2_ros.messages.asked import observation_of
from uio2_ros.messages.image_header import peek_header
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.messages.received_pictures import PICTURE_TYPES, decode_picture
from uio2_ros.messages.serialised import deserialised
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.msg import Asked, InstructionResult
from uio2_ros.msg import Timings as TimingsMessage
from uio2_ros.recording.agent_notes import ASKED
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import Recorded
from uio2_ros.recording.recording_file import Recording
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_s
from uio2_ros.serving import Answerer

KEPT_S = 120.0
"""Older pictures than this, counted from the newest, no agent has in its history."""
CLOSE = 1e-4
"""Scores may differ by this much where requests were computed together."""
UNREPEATABLE = (ErrorCode.CANCELED, ErrorCode.TIMEOUT, ErrorCode.BUSY, ErrorCode.MODEL_NOT_READY)


class Verdict(str, Enum):
    """How the second answer compares with the first."""

    IDENTICAL = "identical"
    CLOSE = "same but for the last digits of scores"
    DIFFERENT = "different"
    SKIPPED = "not asked"


@dataclass(frozen=True)
class Verification:
    """One instruction, asked again."""

    asked: Any = field(repr=False)
    verdict: Verdict
    reason: str = ""
    """Which fields differ, or why it was not asked."""


def verify(recording: Recording, answerer: Answerer) -> Iterator[Verification]:
    """Every recorded instruction, in order. RecordingError if there is none.

    InvalidInputError for a message that is none of its type.
    """
    pictures: dict[int, Recorded] = {}
    count = 0
    for message in recording.messages():
        if message.topic.type_name in PICTURE_TYPES:
            _remember(pictures, message)
        elif message.topic.type_name == ASKED:
            count += 1
            yield _ask_again(deserialised(message.data, Asked), pictures, answerer)
    if not count:
        raise RecordingError(
            f"there is no {ASKED} in {recording.path}; record the agent's ~/asked too, while "
            "instructions are given"
        )


def _remember(pictures: dict[int, Recorded], message: Recorded) -> None:
    stamp_ns = peek_header(message.data).stamp_ns
    pictures[stamp_ns] = message
    for old_ns in [old for old in pictures if to_s(stamp_ns - old) > KEPT_S]:
        del pictures[old_ns]


def _ask_again(asked: Any, pictures: Mapping[int, Recorded], answerer: Answerer) -> Verification:
    if asked.result.error_code in UNREPEATABLE:
        code = ErrorCode(asked.result.error_code).name
        return Verification(asked, Verdict.SKIPPED, f"it ended with {code}")
    try:
        observation = _observation(asked, pictures)
    except LookupError as error:
        return Verification(asked, Verdict.SKIPPED, str(error))
    answer = _answer(asked, observation, answerer)
    again = result_message(answer, asked.instruction, asked.result.header)
    return _compare(asked, again)


def _observation(asked: Any, pictures: Mapping[int, Recorded]) -> Observation:
    """LookupError for a picture that is not recorded."""
    newest = nanoseconds_of(asked.result.header.stamp)
    older = tuple(_frame(nanoseconds_of(stamp), pictures) for stamp in asked.frame_stamps)
    return observation_of(asked, _frame(newest, pictures) if newest else None, older)


def _frame(stamp_ns: int, pictures: Mapping[int, Recorded]) -> Frame:
    if stamp_ns not in pictures:
        raise LookupError(
            f"the picture of {to_s(stamp_ns):.3f} s is not in the recording: it was lost, or "
            "is from before its beginning"
        )
    message = pictures[stamp_ns]
    pixels = decode_picture(message.topic.type_name, message.data)
    return Frame(pixels, stamp_ns, peek_header(message.data).frame_id, key=stamp_ns)


def _answer(asked: Any, observation: Observation, answerer: Answerer) -> Answer:
    try:
        instruction = instruction_of(asked)
    except InstructionError as error:
        return Answer.failed(error.code, error.message, asked.task)
    return answerer.submit(instruction, observation, timeout_s=math.inf).result()


def _compare(asked: Any, again: InstructionResult) -> Verification:
    first = _without_tracks(asked.result)
    if _bytes(first) == _bytes(again):
        return Verification(asked, Verdict.IDENTICAL)
    fields = [name for name in first.get_fields_and_field_types() if name != "timings"]
    names = [name for name in fields if getattr(first, name) != getattr(again, name)]
    close = all(_is_close(getattr(first, name), getattr(again, name)) for name in names)
    return Verification(asked, Verdict.CLOSE if close else Verdict.DIFFERENT, ", ".join(names))


def _without_tracks(result: InstructionResult) -> InstructionResult:
    """The result without the ids of its objects, which depend on the answers before."""
    for found in (*result.detections.detections, *result.detections_3d.detections):
        found.id = ""
    return result


def _bytes(result: InstructionResult) -> bytes:
    """As on the wire, without the time it took."""
    timings, result.timings = result.timings, TimingsMessage()
    try:
        return bytes(serialize_message(result))
    finally:
        result.timings = timings


def _is_close(first: Any, second: Any) -> bool:
    """Whether two values of a message differ in the last digits of floats only."""
    if hasattr(first, "get_fields_and_field_types"):
        names = first.get_fields_and_field_types()
        return all(_is_close(getattr(first, name), getattr(second, name)) for name in names)
    if isinstance(first, float):
        return bool(abs(first - second) <= CLOSE or first == second)
    if isinstance(first, str | int | bool):
        return bool(first == second)
    if len(first) != len(second):
        return False
    if isinstance(first, list | tuple):
        return all(map(_is_close, first, second))
    values: tuple[npt.NDArray[Any], npt.NDArray[Any]] = np.asarray(first), np.asarray(second)
    return bool(np.allclose(*values, rtol=0, atol=CLOSE, equal_nan=True))
