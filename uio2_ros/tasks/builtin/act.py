"""Acting: the next steps of a robot in a continuous action space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from uio2_ros.decoding import action_steps, parse_action_steps
from uio2_ros.decoding.quantities import tokens_of
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.tasks import parts
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Prompt,
    Session,
    Task,
    Use,
    parse_failed,
    with_text,
)


def answer(session: Session) -> Asking[Answer]:
    """A chunk of steps, as many as the action space says."""
    space = session.space
    _expect_room(session, space)
    prompt = with_text(session.template.replace("{ACTION}", space.prompt), session.instruction)
    count = len(space.dimensions)
    grammar = session.grammar(action_steps, dimensions=count, at_most=space.chunk)
    reply = yield from session.generate(prompt, grammar)
    try:
        fractions = parse_action_steps(session.symbols.vocabulary, reply.tokens, count)
    except ValueError as problem:
        raise parse_failed(reply, str(problem)) from problem
    if len(fractions) != space.chunk:
        raise parse_failed(reply, f"expected {space.chunk} steps, got {len(fractions)}")
    steps = tuple(
        step_of(space, row, number) for number, row in enumerate(fractions.tolist(), start=1)
    )
    return Answer(text=_described(steps), plan=TaskPlan(space.name, steps, space.frame_id))


def step_of(space: ActionSpace, fractions: Sequence[float], number: int) -> Step:
    """Step 1, 2, ... of a chunk in SI units, due when that many periods have passed."""
    if space.rate_hz is None:
        raise ValueError(f"action space {space.name!r} has no rate")
    return Step(
        ActionKind.CONTINUOUS,
        space.name,
        dimension_names=space.dimension_names,
        values=tuple(
            dimension.value(fraction)
            for dimension, fraction in zip(space.dimensions, fractions, strict=True)
        ),
        time_from_start_s=number / space.rate_hz,
    )


def _expect_room(session: Session, space: ActionSpace) -> None:
    needed = len(space.dimensions) * space.chunk + 1
    if needed > session.token_limit:
        fitting = (session.token_limit - 1) // len(space.dimensions)
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"action space {space.name!r} has chunks of {space.chunk} steps, {needed} tokens, and "
            f"the model writes at most {session.token_limit}; set its chunk to {fitting} or less",
        )


def _described(steps: Sequence[Step]) -> str:
    """For people to read, in SI units."""
    return "; ".join(
        f"{step.time_from_start_s:.3g} s: "
        + ", ".join(
            f"{name} {value:.3f}"
            for name, value in zip(step.dimension_names, step.values, strict=True)
        )
        for step in steps
    )


def target(labelled: LabelledCall) -> str:
    """A location per dimension of each step, as many steps as the space has in a chunk."""
    space, steps = labelled.session.space, labelled.steps
    if len(steps) != space.chunk:
        raise TargetError(
            f"the answer has {len(steps)} steps, a chunk of action space {space.name!r} has "
            f"{space.chunk}"
        )
    try:
        fractions = [
            dimension.fraction(value)
            for step in steps
            for dimension, value in zip(space.dimensions, step.values, strict=True)
        ]
    except ValueError as problem:
        raise TargetError(str(problem)) from problem
    tokens = tokens_of(labelled.vocabulary, np.clip(fractions, 0, 1))
    return labelled.vocabulary.decode(tokens.tolist())


TASK = Task(
    name="act",
    description="The next steps of the robot in a continuous action space: one SI value per "
    "dimension, and when each step is due.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Action space: {ACTION}.\nInstruction: {}.\nTask: Predict the following action.\n",
            ("The robot moves in {ACTION}.\nIt was told: {}.\nSay what it does next.\n",),
        )
    },
    outputs=("text", "plan"),
    answer=answer,
    gives=parts.plan,
    target=target,
    arguments=(Argument("text", "what the robot is to do"),),
    history=Use.OPTIONAL,
    action_spaces=(SpaceKind.CONTINUOUS,),
    default_action_space="ee_delta",
)
