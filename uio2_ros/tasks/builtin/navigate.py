"""Navigation: the next discrete move of the base."""

from __future__ import annotations

from uio2_ros.decoding import named_action, parse_named_action
from uio2_ros.robot.action_space import SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.tasks import parts
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


def answer(session: Session) -> Asking[Answer]:
    """One discrete step, with the motion it stands for as its values."""
    space = session.space
    names = tuple(action.name for action in space.actions)
    grammar = session.grammar(named_action, names=names)
    reply = yield from session.generate(_prompt(session), grammar)
    try:
        name = parse_named_action(session.symbols.vocabulary, reply.tokens, names)
    except ValueError as problem:
        raise parse_failed(reply, str(problem)) from problem
    step = Step(
        ActionKind.DISCRETE,
        name,
        dimension_names=space.dimension_names,
        values=space.action(name).values,
    )
    return Answer(text=name, plan=TaskPlan(space.name, (step,), space.frame_id))


def _prompt(session: Session) -> str:
    moves = " ".join(session.past_moves)
    history = f"History: {moves} " if moves else ""
    prompt = session.template.replace("{HISTORY}", history).replace(
        "{ACTIONS}", session.space.prompt
    )
    return with_text(prompt, session.instruction)


def target(labelled: LabelledCall) -> str:
    """The name of the first step."""
    return labelled.steps[0].name


TASK = Task(
    name="navigate",
    description="The next move of the base and the motion it stands for, SI units.",
    prompts={
        UNIFIED_IO_2: Prompt(
            '{} {HISTORY}Predict the next move with the discrete action space "{ACTIONS}" based on '
            'agent\'s histories with the format "observation ( x z y ) action"',
            (
                '{} {HISTORY}Choose the next of the moves "{ACTIONS}"; past ones are told as '
                '"observation ( x z y ) action"',
            ),
        )
    },
    outputs=("text", "plan"),
    answer=answer,
    gives=parts.step,
    target=target,
    arguments=(Argument("text", "where the base is to go, for example: go to the door"),),
    history=Use.OPTIONAL,
    moves=Use.OPTIONAL,
    action_spaces=(SpaceKind.DISCRETE,),
    default_action_space="pointnav",
    phrases=(
        Phrase(
            r"(?:go|drive|navigate|walk|turn|rotate|stop|come|head|approach)\b"
            r"|move\s+(?:forward|forwards|ahead|back|backward|backwards|left|right|to|towards|over)\b"
            r"|find\b[^?]*\band\s+(?:park|stop|wait)\b[^?]*$",
            "it asks the base to move",
            "move to the door",
        ),
    ),
)
