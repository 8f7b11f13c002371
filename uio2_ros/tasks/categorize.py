"""Categorisation: what the picture, or a region of it, shows."""

from __future__ import annotations

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.captions import IMAGE_TAG_PROMPT
from uio2_ros.tasks.options import choose
from uio2_ros.tasks.task import Asking, Session, Task, Use

REGION_PROMPT = "What is the category of the object at {box}?"


def answer(session: Session) -> Asking[Answer]:
    """The best of the options, or without options a category of the model's own."""
    region = session.instruction.region
    prompt = IMAGE_TAG_PROMPT if region is None else REGION_PROMPT
    if session.instruction.options:
        return (yield from choose(session, prompt))
    grammar = session.grammar(free_text, longest=session.settings.category_tokens)
    reply = yield from session.generate(prompt, grammar, region=region)
    return Answer(text=reply.text)


TASK = Task(
    name="categorize",
    description="The category of the picture or of the region, among the options if given. The "
    "instruction is not used.",
    prompt=f"{IMAGE_TAG_PROMPT} / {REGION_PROMPT}",
    outputs=("text", "options", "scores"),
    answer=answer,
    needs_text=False,
    region=Use.OPTIONAL,
    options=Use.OPTIONAL,
)
