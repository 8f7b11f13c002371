"""Categorisation: what the picture, or a region of it, shows."""

from __future__ import annotations

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.builtin.options import choose
from uio2_ros.tasks.task import UNIFIED_IO_1, UNIFIED_IO_2, Argument, Asking, Prompt, Session, Task


def answer(session: Session) -> Asking[Answer]:
    """The best of the options, or without options a category of the model's own."""
    if session.instruction.options:
        return (yield from choose(session, session.prompt))
    grammar = session.grammar(free_text, longest=session.settings.category_tokens)
    reply = yield from session.generate(session.prompt, grammar, region=session.instruction.region)
    return Answer(text=reply.text)


TASK = Task(
    name="categorize",
    description="The category of the picture or of a region of it, one of the options if there "
    "are any.",
    prompts={
        UNIFIED_IO_1: Prompt(
            "What is this in the image ?",
            with_region='What is the category of region " {box} " ?',
        ),
        UNIFIED_IO_2: Prompt(
            "What is this? Return a precise but very short answer.",
            with_region="What is the category of the object at {box}?",
        ),
    },
    outputs=("text", "options", "scores"),
    answer=answer,
    arguments=(
        Argument("options", "the categories to choose from", "options", required=False),
        Argument("region", "what the category is asked of", "region", required=False),
    ),
    settings=("category_tokens",),
)
