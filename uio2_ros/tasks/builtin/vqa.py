"""Visual question answering: a short answer to a question about the picture."""

from __future__ import annotations

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.builtin.options import choose
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Argument,
    Asking,
    Phrase,
    Prompt,
    Session,
    Task,
)


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
    description="A short answer to a question about the picture, one of the options if there are "
    "any.",
    prompts={
        UNIFIED_IO_1: Prompt("{}", lower_case=True),
        UNIFIED_IO_2: Prompt(
            "{} A short answer to the question is",
            ("{} Reply with a few words.", "Reply to this in short: {}"),
        ),
    },
    outputs=("text", "options", "scores"),
    answer=answer,
    arguments=(
        Argument("question", "the question; {box} in it is the region"),
        Argument("options", "what may be answered", "options", required=False),
        Argument("region", "what {box} stands for", "region", required=False),
    ),
    settings=("answer_tokens",),
    phrases=(
        Phrase(
            r"(?:what|which|who|whose|when|why|how|is|are|was|were|do|does|did|can|could|has|have)\b"
            r"|(?=count\b)"
            r"|(?:tell\s+me|say|name)\s+(?:what|which|how|who|whether|if"
            r"|the\s+(?:colou?r|shape|number|name|kind))\b"
            r"|(?=.*\?\s*$)",
            "it is a question",
            "what colour is the cup?",
        ),
        Phrase(
            r"(?:hello|hi|hey|help)(?=[\s.!?]*$)",
            "who greets may ask what can be done",
            "hello",
            lambda _: "What can you do?",
        ),
    ),
)
