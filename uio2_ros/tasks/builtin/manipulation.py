"""Manipulation: the next action, or a plan of several, in the robot's action space."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uio2_ros.decoding import (
    ManipulationStep,
    Primitive,
    UnitPose,
    manipulation_steps,
    parse_manipulation,
)
from uio2_ros.decoding.manipulation import step_text
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.tasks import parts
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Session,
    Task,
    Use,
    parse_failed,
    with_text,
)

_KINDS = {
    Primitive.PICK_PLACE: (ActionKind.PICK_PLACE, "pick and place"),
    Primitive.PUSH: (ActionKind.PUSH, "push"),
}
_PRIMITIVES = {kind: primitive for primitive, (kind, _) in _KINDS.items()}


def next_action(session: Session) -> Asking[Answer]:
    """One step."""
    prompt = with_text(
        session.template.replace("{ACTION}", session.space.prompt), session.instruction
    )
    return _plan(session, (yield from _motions(session, prompt, at_most=1)))


def plan(session: Session) -> Asking[Answer]:
    """Steps until the model ends, at most as many as settings and model allow."""
    steps = yield from _motions(session, session.prompt, at_most=session.settings.max_steps)
    return _plan(session, steps)


def _motions(session: Session, prompt: str, at_most: int) -> Asking[tuple[Step, ...]]:
    reply = yield from session.generate(
        prompt, session.grammar(manipulation_steps, at_most=at_most)
    )
    try:
        motions = parse_manipulation(session.symbols.vocabulary, reply.tokens)
    except ValueError as problem:
        raise parse_failed(reply, str(problem)) from problem
    return tuple(step_of(motion, session.space) for motion in motions)


def step_of(motion: ManipulationStep, space: ActionSpace) -> Step:
    """The step in metres and radians of the action space's frame."""
    kind, name = _KINDS[motion.primitive]
    return Step(kind, name, _pose(motion.start, space), _pose(motion.end, space))


def _pose(pose: UnitPose, space: ActionSpace) -> Pose2D:
    x, y, yaw = space.dimensions
    return Pose2D(x.value(pose.x), y.value(pose.y), yaw.value(pose.turn))


def _plan(session: Session, steps: tuple[Step, ...]) -> Answer:
    text = "; ".join(describe(step) for step in steps)
    return Answer(text=text, plan=TaskPlan(session.space.name, steps, session.space.frame_id))


def describe(step: Step) -> str:
    """A step for people to read, in metres and degrees."""
    if step.start is not None and step.end is not None:
        return f"{step.name} from {_spot(step.start)} to {_spot(step.end)}"
    if not step.dimension_names:
        return step.name
    named = zip(step.dimension_names, step.values, strict=True)
    return f"{step.name}: " + ", ".join(f"{name} {value:.3f}" for name, value in named)


def _spot(pose: Pose2D) -> str:
    return f"({pose.x:.3f} m, {pose.y:.3f} m, {math.degrees(pose.yaw):.0f} deg)"


def _target(labelled: LabelledCall, steps: Sequence[Step]) -> str:
    return " ".join(_written(labelled, number, step) for number, step in enumerate(steps, start=1))


def _written(labelled: LabelledCall, number: int, step: Step) -> str:
    if step.kind not in _PRIMITIVES or step.start is None or step.end is None:
        raise TargetError(
            f"step {number} ({step.name}) is neither a pick-and-place nor a push with poses"
        )
    places = [*_locations(labelled, step.start), *_locations(labelled, step.end)]
    return step_text(number, _PRIMITIVES[step.kind]).format(*places)


def _locations(labelled: LabelledCall, pose: Pose2D) -> list[str]:
    """x y yaw; a location stands for n / number of locations, the last for the end, too."""
    x, y, yaw = labelled.session.space.dimensions
    turned = (pose.yaw - yaw.low) % math.tau + yaw.low
    count = len(labelled.vocabulary.location_ids)
    try:
        fractions = [x.fraction(pose.x), y.fraction(pose.y), yaw.fraction(turned)]
    except ValueError as problem:
        raise TargetError(str(problem)) from problem
    bins = [min(int(np.float32(fraction * count)), count - 1) for fraction in fractions]
    return [labelled.written([one]) for one in bins]


NEXT_ACTION = Task(
    name="next_action",
    description="The next manipulation step, a pick and place or a push: metres and radians in the "
    "action space's frame.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Action space: {ACTION}.\nInstruction: {}.\nTask: Predict the following action.\n",
            ("Do this: {}.\nWrite actions as {ACTION}.\nWhich action comes next?\n",),
        )
    },
    outputs=("text", "plan"),
    answer=next_action,
    gives=parts.step,
    target=lambda labelled: _target(labelled, labelled.steps[:1]),
    arguments=(Argument("text", "what is to be done"),),
    history=Use.OPTIONAL,
    audio=Use.OPTIONAL,
    action_spaces=(SpaceKind.PICK_PLACE,),
    default_action_space="vima",
    phrases=(
        Phrase(
            r"(?:pick|put|place|push|pull|shove|grab|grasp|take|bring|move|sweep|insert|drop|"
            r"rearrange|slide|lift|hand|fetch|throw|toss)\b|(?:set|stand|give\s+me|give\s+us)\s+the\b"
            r"|give\s+the\b[^?]*\ba\s+(?:push|shove|nudge)\b",
            "it asks to handle something",
            "pick up the red block",
        ),
        Phrase(
            r".*[?:.;]\s+(?:put|place|push|move|bring)\s+(?:it|them|that)\b",
            "it asks to handle what it speaks of",
            "which one did you hear? put it in the tray",
        ),
        Phrase(
            r"(?:the|an?)\b(?![^?]*\band\s+the\b)[^?]*"
            r"\b(?:goes|belongs)\s+(?:in|into|on|onto|under)\b[^?]*$"
            r"|(?:the|an?)\b[^?]*\bshould\s+be\s+(?:put|placed|pushed|moved)\b[^?]*$"
            r"|i(?:'d|\s+would)?\s+(?:want|like|need)\s+(?:the|an?)\b[^?]*"
            r"\b(?:in|into|inside|on|onto|under|next\s+to)\s+(?:the|an?)\b[^?]*$",
            "it says where something is to be",
            "the mug goes in the tray",
        ),
    ),
)
PLAN = Task(
    name="plan",
    description="The manipulation steps that do what the instruction asks, each as in next_action.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "{} What is the action plan? Consider the observations",
            ("{} Which steps lead there from what is seen?",),
        )
    },
    outputs=("text", "plan"),
    answer=plan,
    gives=parts.plan,
    target=lambda labelled: _target(labelled, labelled.steps),
    arguments=(Argument("text", "what is to be done"),),
    history=Use.OPTIONAL,
    audio=Use.OPTIONAL,
    action_spaces=(SpaceKind.PICK_PLACE,),
    default_action_space="vima",
    settings=("max_steps",),
    phrases=(
        Phrase(
            r"(?:stack|swap|exchange|trade|sort|pile|balance|tidy|clear\s+up|arrange)\b"
            r"|(?:clean|clear)\s+(?:up|the\s+table)\b"
            r"|switch\s+the\b[^?]*\bwith\s+the\b"
            r"|(?:build|make)\s+an?\s+(?:tower|pile|stack)\b"
            r"|(?:(?:let|have|make)\s+)?the\b[^?]*"
            r"\b(?:trade|change|swap|switch|exchange)\s+(?:places|positions)\b[^?]*$",
            "it asks for several things to be handled",
            "stack the red cube on the blue cube",
        ),
        Phrase(
            r"(?:put|place|set|stand|move|bring|push|pile|stack)\b[^?]*"
            r"\b(?:every|everything|each|all|then|and)\s+(?!(?:to|it|stop|park|wait)\b)\w+[^?]*$"
            r"|use\b[^?]*\bfor\s+(?:all|everything)\b[^?]*$"
            r"|(?:each|every|everything|all|the|\w+\s+things)\b[^?]*"
            r"\b(?:(?:goes|go|belongs?)\s+(?:in|into|to|under|where)|is\s+for\s+everything)\b"
            r"[^?]*\b(?:and|has|,)[^?]*$"
            r"|the\b[^?]*\bat\s+the\s+bottom\s*,[^?]*$",
            "it asks for several things to be handled",
            "put every object in the tray of its colour",
        ),
    ),
)
