"""Pose: the joints of the person in a region, or of everybody in the picture."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding import COCO_17, named_points, parse_keypoints
from uio2_ros.robot.answer import Answer, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.tasks.localize import find
from uio2_ros.tasks.placing import place_points
from uio2_ros.tasks.task import Asking, Reply, Session, Task, Use, parse_failed

PROMPT = 'Find the visible human joints in the region " {box} ".'
WHO = "person"


def answer(session: Session) -> Asking[Answer]:
    """Every joint of every person, in COCO order."""
    region = session.instruction.region
    if region is not None:
        people: Sequence[Box] = (region,)
    else:
        found = yield from find(session, WHO, session.settings.force_people)
        people = [detection.box for detection in found]
    grammar = session.grammar(named_points, names=COCO_17)
    replies = yield from session.generate_each(session.prompt, grammar, people)
    sets = tuple(_joints(session, reply, box) for reply, box in zip(replies, people, strict=True))
    return Answer(text=_summary(len(sets)), keypoints=sets)


def _joints(session: Session, reply: Reply, box: Box) -> PointSet:
    located = parse_keypoints(
        session.symbols.vocabulary, reply.tokens, COCO_17, reply.probabilities
    )
    if len(located) != len(COCO_17):
        raise parse_failed(reply, f"expected {len(COCO_17)} keypoints, got {len(located)}")
    return PointSet(WHO, box, place_points(located, reply))


def _summary(people: int) -> str:
    if not people:
        return "nobody found"
    return f"{len(COCO_17)} keypoints of {people} " + ("person" if people == 1 else "people")


TASK = Task(
    name="keypoints",
    description="The 17 COCO joints of the person in the region, or of everybody in the picture. "
    "The instruction is not used.",
    prompt=PROMPT,
    variants=("Where are the joints of the person in the box {box}?",),
    outputs=("text", "keypoints"),
    answer=answer,
    needs_text=False,
    region=Use.OPTIONAL,
)
