"""Localisation: every instance of a class."""

from __future__ import annotations

from dataclasses import replace

from uio2_ros.decoding import Grammar, labelled_boxes
from uio2_ros.decoding.boxes import CORNERS
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import parts
from uio2_ros.tasks.phrases import thing
from uio2_ros.tasks.placing import detections, listed, within_picture
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Session,
    Task,
    with_text,
)


def boxes_grammar(session: Session, labels: tuple[str, ...] = ()) -> Grammar:
    """As many labelled boxes as settings and model allow."""
    return session.grammar(
        labelled_boxes,
        at_most=room_for_boxes(session, CORNERS, labels),
        label_tokens=session.settings.label_tokens,
        labels=labels,
    )


def room_for_boxes(session: Session, places: int, labels: tuple[str, ...]) -> int:
    """How many boxes of `places` locations and a label settings and model allow; 1 or more."""
    settings = session.settings
    longest_label = max(
        (_label_length(session, label) for label in labels), default=settings.label_tokens
    )
    fitting = (session.token_limit - 1) // (places + longest_label)
    if fitting < 1:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"a label of {longest_label} tokens leaves the model no room for a box; shorten it",
        )
    return min(settings.max_boxes, fitting)


def _label_length(session: Session, label: str) -> int:
    """Tokens of a label; InstructionError for one that is not plain text."""
    tokens = session.symbols.vocabulary.encode(label)
    if not all(session.symbols.text[token] for token in tokens):
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"the label {label!r} holds location or other special tokens; give plain words",
        )
    return len(tokens)


def find(
    session: Session, what: str, force_locations: float, template: str = ""
) -> Asking[tuple[Detection, ...]]:
    """The instances of a class, labelled with it. template: by default the trained prompt."""
    grammar = boxes_grammar(session, labels=(what,))
    prompt = (template or TASK.prompt(session.family).text).replace("{}", what)
    reply = yield from session.generate(prompt, grammar, force_locations=force_locations)
    boxes = detections(reply, session.symbols.vocabulary, overlap=session.settings.overlap)
    return within_picture(boxes)


def answer(session: Session) -> Asking[Answer]:
    """The instances of the class that the instruction names."""
    what = with_text("{}", session.instruction)
    found = yield from find(session, what, session.settings.force_class, session.template)
    return Answer(text=listed(found), detections=found)


def target(labelled: LabelledCall) -> str:
    """Every detection, labelled with what the instruction asks for."""
    what = with_text("{}", labelled.session.instruction)
    return labelled.boxes(replace(one, label=what) for one in labelled.answer.detections)


TASK = Task(
    name="localize",
    description="Every instance of a class, as boxes.",
    prompts={
        UNIFIED_IO_1: Prompt('Which region does the text " {} " describe ?'),
        UNIFIED_IO_2: Prompt(
            'Return the bounding boxes and categories of region matching "{}"',
            ('Where is every "{}" in this picture?', 'Put a labelled box around each "{}"'),
        ),
    },
    outputs=("text", "detections"),
    answer=answer,
    gives=parts.detections,
    target=target,
    arguments=(Argument("what", "the class, for example: cup"),),
    settings=("max_boxes", "force_class", "overlap"),
    phrases=(
        Phrase(
            r"(?:find|locate|detect|look\s+for|search\s+for|show\s+me|where(?:'s|\s+is|\s+are)"
            r"|point\s+(?:at|to)|draw\s+(?:a\s+)?box(?:es)?\s+around)\b\s*(?=\w)",
            "it asks where something is",
            "find the cup",
            thing,
        ),
    ),
)
