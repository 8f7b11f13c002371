"""Pose: the joints of the person in a region, or of everybody in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from uio2_ros.decoding import COCO_17, named_points, parse_keypoints
from uio2_ros.decoding.poses import parse_pose, pose
from uio2_ros.robot.answer import Answer, Detection, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.tasks import parts
from uio2_ros.tasks.builtin.localize import find
from uio2_ros.tasks.placing import place_points
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Prompt,
    Reply,
    Session,
    Task,
    parse_failed,
)

WHO = "person"
VISIBLE = 2
"""COCO's visibility of a joint that can be seen."""


def answer(session: Session) -> Asking[Answer]:
    """Every joint of every person, in COCO order."""
    region = session.instruction.region
    if region is not None:
        people: Sequence[Box] = (region,)
    else:
        found = yield from find(session, WHO, session.settings.force_people)
        people = [detection.box for detection in found]
    if session.family == UNIFIED_IO_1:
        grammar = session.grammar(pose, count=len(COCO_17))
    else:
        grammar = session.grammar(named_points, names=COCO_17)
    replies = yield from session.generate_each(session.prompt, grammar, people)
    sets = tuple(_joints(session, reply, box) for reply, box in zip(replies, people, strict=True))
    return Answer(text=_summary(len(sets)), keypoints=sets)


def _joints(session: Session, reply: Reply, box: Box) -> PointSet:
    if session.family == UNIFIED_IO_1:
        return _visible_joints(session, reply, box)
    located = parse_keypoints(
        session.symbols.vocabulary, reply.tokens, COCO_17, reply.probabilities
    )
    if len(located) != len(COCO_17):
        raise parse_failed(reply, f"expected {len(COCO_17)} keypoints, got {len(located)}")
    return PointSet(WHO, box, place_points(located, reply))


def _visible_joints(session: Session, reply: Reply, box: Box) -> PointSet:
    """Joints with a visibility each; those that are not labelled are left out."""
    found = parse_pose(session.symbols.vocabulary, reply.tokens, COCO_17, reply.probabilities)
    points = place_points([joint.point for joint in found], reply)
    marked = (
        replace(point, visible=joint.visibility == VISIBLE)
        for point, joint in zip(points, found, strict=True)
    )
    return PointSet(WHO, box, tuple(marked))


def _summary(people: int) -> str:
    if not people:
        return "nobody found"
    return f"{len(COCO_17)} keypoints of {people} " + ("person" if people == 1 else "people")


def target(labelled: LabelledCall) -> str:
    """First the boxes of all people, then the joints of each."""
    people = labelled.answer.keypoints
    boxes = [points.box for points in people if points.box is not None]
    if len(boxes) != len(people):
        raise TargetError("somebody's keypoints have no box to ask for them by")
    if labelled.region is None:
        return labelled.boxes(Detection(box, WHO) for box in boxes)
    return _written(labelled, people[labelled.nearest(boxes)])


def _written(labelled: LabelledCall, points: PointSet) -> str:
    """`y x name` of every COCO joint. TargetError where one is missing."""
    there = {point.name: point for point in points.points}
    if missing := [name for name in COCO_17 if name not in there]:
        raise TargetError(
            f"the answer lacks the joints {', '.join(missing)}; expected all {len(COCO_17)} of COCO"
        )
    places = {name: labelled.bins([there[name].y, there[name].x]) for name in COCO_17}
    return " ".join(f"{labelled.written(place)} {name}" for name, place in places.items())


TASK = Task(
    name="keypoints",
    description="The 17 COCO joints of a person, or of everybody in the picture, in pixels.",
    prompts={
        UNIFIED_IO_1: Prompt('Find the human joints in the region " {box} " .'),
        UNIFIED_IO_2: Prompt(
            'Find the visible human joints in the region " {box} ".',
            ("Where are the joints of the person in the box {box}?",),
        ),
    },
    outputs=("text", "keypoints"),
    answer=answer,
    gives=parts.keypoints,
    target=target,
    arguments=(
        Argument("region", "where the person is; everybody without one", "region", required=False),
    ),
    settings=("force_people", "max_boxes"),
)
