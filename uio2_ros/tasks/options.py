"""Choosing among given options by their likelihood: the task `score`, and what others share."""

from __future__ import annotations

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.task import Asking, Session, Task, Use

PROMPT = "{}"


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
    description="Which of the options answers the instruction best, and how likely each is.",
    prompt=PROMPT,
    outputs=("text", "options", "scores"),
    answer=answer,
    image=Use.OPTIONAL,
    history=Use.OPTIONAL,
    audio=Use.OPTIONAL,
    region=Use.OPTIONAL,
    options=Use.REQUIRED,
)
