"""3D detection: all objects of the picture as metric oriented boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from uio2_ros.decoding import (
    CanvasPlacement,
    CuboidCodec,
    LocatedCuboid,
    MetricBoxes,
    labelled_cuboids,
    outlines,
    parse_cuboids,
)
from uio2_ros.decoding.cuboids import CUBOID_TOKENS
from uio2_ros.robot.answer import Answer, Cuboid, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.localize import room_for_boxes
from uio2_ros.tasks.placing import within_picture
from uio2_ros.tasks.task import Asking, Reply, Session, Task, Use, parse_failed

PROMPT = "Locate all objects in 3D format in the image."
CODEC = CuboidCodec()


def answer(session: Session) -> Asking[Answer]:
    """All objects; with options, labelled with nothing but those."""
    camera, height, width = _camera(session.observation)
    labels = session.instruction.options
    grammar = session.grammar(
        labelled_cuboids,
        codec=CODEC,
        at_most=room_for_boxes(session, CUBOID_TOKENS, labels),
        label_tokens=session.settings.label_tokens,
        labels=labels,
    )
    reply = yield from session.generate(
        session.prompt, grammar, force_locations=session.settings.force_everything
    )
    located, boxes = _boxes(session, reply, camera, height)
    return Answer(
        text=_summary(located),
        cuboids=_cuboids(located, boxes),
        detections=_detections(located, boxes, camera, height, width),
    )


def _camera(observation: Observation) -> tuple[CameraModel, int, int]:
    """The camera of the picture and the picture's height and width."""
    camera, image = observation.camera, observation.image
    numbers = () if camera is None else (camera.fx, camera.fy, camera.cx, camera.cy)
    if camera is None or not (np.isfinite(numbers).all() and min(camera.fx, camera.fy) > 0):
        raise InstructionError(
            ErrorCode.NO_CAMERA_INFO,
            "3D boxes need the camera's intrinsics and there are none; publish camera_info with "
            "the picture, and calibrate the camera if its K has no positive focal lengths",
        )
    if image is None:
        raise ValueError("task 'cuboids' was admitted without a picture")
    height, width = image.pixels.shape[:2]
    if camera.width * camera.height and (camera.width, camera.height) != (width, height):
        raise InstructionError(
            ErrorCode.INVALID_INPUT,
            f"camera_info is of pictures of {camera.width} x {camera.height} pixels and the "
            f"picture has {width} x {height}; publish the camera_info of this picture",
        )
    return camera, height, width


def _boxes(
    session: Session, reply: Reply, camera: CameraModel, height: int
) -> tuple[tuple[LocatedCuboid, ...], MetricBoxes]:
    """The boxes of a reply, each once however often the model wrote it."""
    if reply.to_pixels is None:
        raise ValueError("3D boxes need the picture they lie in, and the reply is about none")
    vocabulary = session.symbols.vocabulary
    try:
        placement = CanvasPlacement.of(reply.to_pixels, height)
    except ValueError as problem:
        raise InstructionError(ErrorCode.INVALID_INPUT, str(problem)) from problem
    try:
        written = parse_cuboids(vocabulary, reply.tokens, reply.probabilities)
        located = tuple({(box.tokens, box.label): box for box in reversed(written)}.values())[::-1]
        tokens = np.array([box.tokens for box in located]).reshape(-1, CUBOID_TOKENS)
        return located, CODEC.decode(vocabulary, tokens, camera, placement)
    except ValueError as problem:
        raise parse_failed(reply, str(problem)) from problem


def _cuboids(located: Sequence[LocatedCuboid], boxes: MetricBoxes) -> tuple[Cuboid, ...]:
    rows = zip(
        located,
        boxes.centers.tolist(),
        boxes.sizes.tolist(),
        boxes.quaternions_wxyz.tolist(),
        strict=True,
    )
    return tuple(
        Cuboid(box.label, tuple(center), tuple(size), tuple(quaternion), box.score)
        for box, center, size, quaternion in rows
    )


def _detections(
    located: Sequence[LocatedCuboid],
    boxes: MetricBoxes,
    camera: CameraModel,
    height: int,
    width: int,
) -> tuple[Detection, ...]:
    """What each box covers of the picture; none for boxes outside it."""
    limits = [width, height, width, height]
    covered = np.clip(np.nan_to_num(outlines(boxes, camera)), 0, limits)
    return within_picture(
        [
            Detection(Box(*corners), box.label, box.score)
            for box, corners in zip(located, covered.tolist(), strict=True)
        ]
    )


def _summary(located: Sequence[LocatedCuboid]) -> str:
    return ", ".join(box.label or "unnamed" for box in located) or "nothing found"


TASK = Task(
    name="cuboids",
    description="All objects as 3D boxes in the camera's optical frame; options, if given, are the "
    "only labels. Needs camera_info of a rectified picture. The instruction is not used.",
    prompt=PROMPT,
    variants=("Find every object in this picture and give its box in 3D.",),
    outputs=("text", "detections_3d", "detections"),
    answer=answer,
    needs_text=False,
    options=Use.OPTIONAL,
)
