"""Short texts about what is seen and heard: captions and tags."""

from __future__ import annotations

from collections.abc import Callable

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.tasks.task import Asking, Session, Task, Use

IMAGE_TAG_PROMPT = "What is this? Return a precise but very short answer."


def _writing(longest: Callable[[TaskSettings], int]) -> Callable[[Session], Asking[Answer]]:
    """How a task answers that writes a text of at most so many tokens."""

    def answer(session: Session) -> Asking[Answer]:
        grammar = session.grammar(free_text, longest=longest(session.settings))
        reply = yield from session.generate(session.prompt, grammar)
        return Answer(text=reply.text, truncated=reply.at_limit)

    return answer


IMAGE = Task(
    name="caption",
    description="What the picture shows. The instruction is not used.",
    prompt="Caption this image.",
    variants=("Describe the picture in one sentence.", "Say what can be seen here."),
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    needs_text=False,
)
IMAGE_TAG = Task(
    name="image_tag",
    description="What the picture shows, in a word or two. The instruction is not used.",
    prompt=IMAGE_TAG_PROMPT,
    variants=("Name what this picture shows in a word or two.",),
    outputs=("text",),
    answer=_writing(lambda settings: settings.category_tokens),
    needs_text=False,
)
VIDEO = Task(
    name="video_caption",
    description="What happens in the last pictures, with their sound if there is any. The "
    "instruction is not used.",
    prompt="What does the video describe ?",
    variants=("Say what happens in this clip.",),
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    needs_text=False,
    history=Use.REQUIRED,
    audio=Use.OPTIONAL,
)
VIDEO_TAG = Task(
    name="video_tag",
    description="The action that the last pictures show, in a few words. The instruction is not "
    "used.",
    prompt="What action is being performed in this video? Please provide a short answer.",
    variants=("Name the activity in this clip in a few words.",),
    outputs=("text",),
    answer=_writing(lambda settings: settings.category_tokens),
    needs_text=False,
    history=Use.REQUIRED,
)
DEMONSTRATION = Task(
    name="demonstration_caption",
    description="What the robot does in the last pictures. The instruction is not used.",
    prompt="What is the robot doing?",
    variants=("Name the job that the robot carries out here.",),
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    needs_text=False,
    history=Use.REQUIRED,
)
AUDIO = Task(
    name="audio_caption",
    description="What is to be heard. The instruction is not used.",
    prompt="Give a short description of this audio.",
    variants=("Say in one sentence what can be heard.",),
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    needs_text=False,
    image=Use.NONE,
    audio=Use.REQUIRED,
)
