"""Free form: the instruction is the prompt; boxes and points in the answer are read out."""

from __future__ import annotations

from uio2_ros.decoding import LocatedBox, LocatedPoint, free_form, read_runs
from uio2_ros.decoding.boxes import boxes_of_run
from uio2_ros.decoding.keypoints import point_of_run
from uio2_ros.robot.answer import Answer, PointSet
from uio2_ros.tasks import parts
from uio2_ros.tasks.builtin.options import choose
from uio2_ros.tasks.placing import place_boxes, place_points
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    Prompt,
    Reply,
    Session,
    Task,
    Use,
)


def answer(session: Session) -> Asking[Answer]:
    """Text, with what the model located in it; with options, the best of them."""
    prompt, region = session.prompt, session.instruction.region
    if session.instruction.options:
        return (yield from choose(session, prompt))
    grammar = session.grammar(
        free_form, longest=min(session.settings.free_form_tokens, session.token_limit - 1)
    )
    reply = yield from session.generate(prompt, grammar, region=region)
    return _with_locations(session, reply)


def _with_locations(session: Session, reply: Reply) -> Answer:
    if reply.to_pixels is None:
        return Answer(text=reply.text, truncated=reply.at_limit)
    boxes: list[LocatedBox] = []
    points: list[LocatedPoint] = []
    for run in read_runs(session.symbols.vocabulary, reply.tokens, reply.probabilities):
        point = point_of_run(run)
        if point is not None:
            points.append(point)
        boxes.extend(boxes_of_run(run))
    placed = place_points(points, reply)
    return Answer(
        text=reply.text,
        truncated=reply.at_limit,
        detections=place_boxes(boxes, reply),
        keypoints=(PointSet("", None, placed),) if placed else (),
    )


TASK = Task(
    name="",
    description="Free form: boxes and points in the text are given as detections and keypoints.",
    prompts={UNIFIED_IO_1: Prompt("{}"), UNIFIED_IO_2: Prompt("{}")},
    outputs=("text", "detections", "keypoints", "options", "scores"),
    answer=answer,
    gives=parts.whole,
    arguments=(
        Argument("text", "the prompt; {box} in it is the region"),
        Argument("options", "what may be answered", "options", required=False),
        Argument("region", "what {box} stands for", "region", required=False),
    ),
    image=Use.OPTIONAL,
    history=Use.OPTIONAL,
    audio=Use.OPTIONAL,
    settings=("free_form_tokens",),
)
