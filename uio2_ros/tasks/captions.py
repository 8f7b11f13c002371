"""Captions: of the picture, of the last pictures as a video, and of the sound."""

from __future__ import annotations

from collections.abc import Callable

from uio2_ros.decoding import free_text
from uio2_ros.tasks.answer import Answer
from uio2_ros.tasks.task import Asking, Session, Task, Use

IMAGE_PROMPT = "Caption this image."
VIDEO_PROMPT = "What does the video describe ?"
AUDIO_PROMPT = "Give a short description of this audio."


def _captioning(prompt: str) -> Callable[[Session], Asking[Answer]]:
    def answer(session: Session) -> Asking[Answer]:
        grammar = session.grammar(free_text, longest=session.settings.caption_tokens)
        reply = yield from session.generate(prompt, grammar)
        return Answer(text=reply.text)

    return answer


IMAGE = Task(
    name="caption",
    description="What the picture shows. The instruction is not used.",
    prompt=IMAGE_PROMPT,
    outputs=("text",),
    answer=_captioning(IMAGE_PROMPT),
    needs_text=False,
)
VIDEO = Task(
    name="video_caption",
    description="What happens in the last pictures. The instruction is not used.",
    prompt=VIDEO_PROMPT,
    outputs=("text",),
    answer=_captioning(VIDEO_PROMPT),
    needs_text=False,
    history=Use.REQUIRED,
)
AUDIO = Task(
    name="audio_caption",
    description="What is to be heard. The instruction is not used.",
    prompt=AUDIO_PROMPT,
    outputs=("text",),
    answer=_captioning(AUDIO_PROMPT),
    needs_text=False,
    image=Use.NONE,
    audio=Use.REQUIRED,
)
