"""What a region of the picture shows."""

from __future__ import annotations

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.task import UNIFIED_IO_1, Argument, Asking, Prompt, Session, Task


def answer(session: Session) -> Asking[Answer]:
    """A text about the region."""
    grammar = session.grammar(free_text, longest=session.settings.caption_tokens)
    reply = yield from session.generate(session.prompt, grammar, region=session.instruction.region)
    return Answer(text=reply.text, truncated=reply.at_limit)


TASK = Task(
    name="region_caption",
    description="What a region of the picture shows.",
    prompts={UNIFIED_IO_1: Prompt('What does the region " {box} " describe ?')},
    outputs=("text",),
    answer=answer,
    arguments=(Argument("region", "what is described", "region"),),
    settings=("caption_tokens",),
)
