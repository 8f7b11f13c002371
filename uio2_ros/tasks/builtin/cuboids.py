"""3D detection: all objects of the picture as metric oriented boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transforms3d.quaternions import quat2mat

from uio2_ros.decoding import (
    CanvasPlacement,
    CuboidCodec,
    CuboidError,
    LocatedCuboid,
    MetricBoxes,
    labelled_cuboids,
    outlines,
    parse_cuboids,
)
from uio2_ros.decoding.cuboids import CUBOID_TOKENS
from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.robot.answer import Answer, Cuboid, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks import parts
from uio2_ros.tasks.builtin.localize import room_for_boxes
from uio2_ros.tasks.phrases import LOOK
from uio2_ros.tasks.placing import within_picture
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Reply,
    Session,
    Task,
    Use,
    parse_failed,
)

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
    if camera is None:
        raise InstructionError(
            ErrorCode.NO_CAMERA_INFO,
            observation.camera_problem
            or "3D boxes need the camera's intrinsics and there are none; publish camera_info with "
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


def target(labelled: LabelledCall) -> str:
    """Twelve locations and the label of each.

    Boxes whose centre lies too far outside the picture to be written are left out.
    """
    camera, height, _ = _camera(labelled.session.observation)
    if labelled.to_pixels is None:
        raise TargetError("the answer has 3D boxes but there is no picture they lie in")
    placement = CanvasPlacement.of(labelled.to_pixels, height)
    written = (
        (cuboid.label, _written(labelled.vocabulary, cuboid, camera, placement))
        for cuboid in labelled.answer.cuboids
    )
    return " ".join(f"{tokens} {label}".strip() for label, tokens in written if tokens)


def _written(
    vocabulary: Vocabulary, cuboid: Cuboid, camera: CameraModel, placement: CanvasPlacement
) -> str:
    box = MetricBoxes(
        np.array([cuboid.center]),
        np.array([cuboid.size]),
        quat2mat(cuboid.quaternion_wxyz)[None],
    )
    try:
        tokens = CODEC.encode(vocabulary, box, camera, placement)[0]
    except CuboidError:
        if _is_about_the_picture(cuboid, camera, placement):
            raise
        return ""
    return vocabulary.decode(tokens.tolist())


def _is_about_the_picture(cuboid: Cuboid, camera: CameraModel, placement: CanvasPlacement) -> bool:
    """Whether a box's centre is before the camera and within what tokens say of the canvas."""
    if cuboid.center[2] <= 0:
        return False
    pixel = camera.project(cuboid.center)[::-1]  # y, x
    low, high = CODEC.center
    fractions = placement.fractions_from(pixel)
    return bool(((low <= fractions) & (fractions <= high)).all())


TASK = Task(
    name="cuboids",
    description="All objects as oriented boxes in the camera's optical frame (x right, y down, z "
    "forward): centre and size in metres, and what they cover of the picture. Needs "
    "camera_info.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Locate all objects in 3D format in the image.",
            ("Find every object in this picture and give its box in 3D.",),
        )
    },
    outputs=("text", "detections_3d", "detections"),
    answer=answer,
    gives=parts.cuboids,
    target=target,
    arguments=(Argument("labels", "the only labels there are", "options", required=False),),
    camera=Use.REQUIRED,
    settings=("max_boxes", "label_tokens", "force_everything"),
    phrases=(
        Phrase(
            rf"{LOOK}\b.*\b(?:3\s*d|three\s+dimensions)\b",
            "it asks where objects are in space",
            "list all objects in 3D",
        ),
    ),
)
