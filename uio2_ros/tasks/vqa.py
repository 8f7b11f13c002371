"""Visual question answering: a short answer to a question about the picture."""

from __future__ import annotations

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.options import choose
from uio2_ros.tasks.task import Asking, Session, Task, Use

PROMPT = "{} A short answer to the question is"


def answer(session: Session) -> Asking[Answer]:
    """A short text; with options, the best of them."""
    prompt = session.prompt
    if session.instruction.options:
        return (yield from choose(session, prompt))
    grammar = session.grammar(free_text, longest=session.settings.answer_tokens)
    reply = yield from session.generate(prompt, grammar, region=session.instruction.region)
    return Answer(text=reply.text, truncated=reply.at_limit)


TASK = Task(
    name="vqa",
    description="A short answer to a question about the picture; {box} in the question is the "
    "region.",
    prompt=PROMPT,
    variants=("{} Reply with a few words.", "Reply to this in short: {}"),
    outputs=("text", "options", "scores"),
    answer=answer,
    region=Use.OPTIONAL,
    options=Use.OPTIONAL,
)
