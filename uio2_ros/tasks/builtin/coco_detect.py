"""COCO detection: the objects of the 80 COCO classes."""

from __future__ import annotations

from dataclasses import replace

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts
from uio2_ros.tasks.builtin.localize import boxes_grammar
from uio2_ros.tasks.phrases import LOOK
from uio2_ros.tasks.placing import detections, listed, within_picture
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import UNIFIED_IO_2, Asking, LabelledCall, Phrase, Prompt, Session, Task

_NAMES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, "
    "fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, "
    "bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, "
    "sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, "
    "bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, "
    "dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, "
    "toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
)
_HYPHENATED = (
    "traffic light, fire hydrant, stop sign, parking meter, baseball bat, baseball glove, "
    "tennis racket, teddy bear, hair drier"
)
CLASSES: tuple[str, ...] = tuple(_NAMES.split(", "))
WRITTEN = {
    name.replace(" ", "-") if name in _HYPHENATED.split(", ") else name: name for name in CLASSES
}
"""The classes by the way the training data, and so the model, writes them."""


def answer(session: Session) -> Asking[Answer]:
    """Every object of a COCO class, labelled with the usual name of the class."""
    reply = yield from session.generate(
        session.prompt,
        boxes_grammar(session, tuple(WRITTEN)),
        force_locations=session.settings.force_everything,
    )
    boxes = detections(reply, session.symbols.vocabulary, overlap=session.settings.overlap)
    found = tuple(replace(one, label=WRITTEN[one.label]) for one in within_picture(boxes))
    return Answer(text=listed(found), detections=found)


def target(labelled: LabelledCall) -> str:
    """Every detection, labelled as the training data writes the class."""
    spelling = {name: spelled for spelled, name in WRITTEN.items()}
    found = labelled.answer.detections
    strange = [one.label for one in found if one.label not in spelling]
    if strange:
        raise TargetError(f"{strange[0]!r} is no COCO class")
    return labelled.boxes(replace(one, label=spelling[one.label]) for one in found)


TASK = Task(
    name="coco_detect",
    description="The objects in the picture that belong to the 80 COCO classes, as labelled boxes.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Find the COCO objects.", ("Mark everything that belongs to a COCO class.",)
        )
    },
    outputs=("text", "detections"),
    answer=answer,
    gives=parts.detections,
    target=target,
    settings=("max_boxes", "force_everything", "overlap"),
    phrases=(
        Phrase(
            rf"{LOOK}\b.*\bcoco\b.*",
            "it asks for the COCO objects",
            "detect the COCO objects",
        ),
    ),
)
