"""Choosing among given options by their likelihood: the task `score`, and what others share."""

from __future__ import annotations

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    Prompt,
    Session,
    Task,
    Use,
)


def choose(session: Session, prompt: str) -> Asking[Answer]:
    """The most likely option after a prompt, and the score of each."""
    options = session.instruction.options
    scores = yield from session.score(prompt, options, region=session.instruction.region)
    best = max(range(len(options)), key=scores.__getitem__)
    return Answer(text=options[best], options=options, scores=scores)


def answer(session: Session) -> Asking[Answer]:
    """The option that fits the instruction best."""
    return (yield from choose(session, session.prompt))


TASK = Task(
    name="score",
    description="How well each option answers the instruction: mean log-likelihood per token, "
    "higher is better.",
    prompts={UNIFIED_IO_1: Prompt("{}"), UNIFIED_IO_2: Prompt("{}")},
    outputs=("text", "options", "scores"),
    answer=answer,
    gives=parts.scores,
    arguments=(
        Argument("text", "what the options answer; {box} in it is the region"),
        Argument("options", "what may be answered", "options"),
        Argument("region", "what {box} stands for", "region", required=False),
    ),
    image=Use.OPTIONAL,
    history=Use.OPTIONAL,
    audio=Use.OPTIONAL,
)
