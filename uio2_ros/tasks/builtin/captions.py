"""Short texts about what is seen and heard: captions and tags."""

from __future__ import annotations

from collections.abc import Callable

from uio2_ros.decoding import free_text
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.tasks.task import (
    UNIFIED_IO_1,
    UNIFIED_IO_2,
    Asking,
    Phrase,
    Prompt,
    Session,
    Task,
    Use,
)


def _writing(longest: Callable[[TaskSettings], int]) -> Callable[[Session], Asking[Answer]]:
    """How a task answers that writes a text of at most so many tokens."""

    def answer(session: Session) -> Asking[Answer]:
        grammar = session.grammar(free_text, longest=longest(session.settings))
        reply = yield from session.generate(session.prompt, grammar)
        return Answer(text=reply.text, truncated=reply.at_limit)

    return answer


IMAGE = Task(
    name="caption",
    description="What the picture shows.",
    prompts={
        UNIFIED_IO_1: Prompt("What does the image describe ?"),
        UNIFIED_IO_2: Prompt(
            "Caption this image.",
            ("Describe the picture in one sentence.", "Say what can be seen here."),
        ),
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    settings=("caption_tokens",),
    phrases=(
        Phrase(
            r"(?:describe|caption)\b"
            r"|what\s+(?:do|can)\s+you\s+see(?=(?:\s+(?:here|there|now|in|on)\b.*)?[\s?.!]*$)"
            r"|what(?:'s|\s+is)\s+(?:there\s+)?(?:here|there|in\s+front\s+of\s+you"
            r"|(?:on|in)\s+(?:the|this|that)\s+(?:table|picture|image|room|scene))(?=[\s?.!]*$)"
            r"|tell\s+me\s+what\s+(?:you\s+(?:can\s+)?see|there\s+is)\b",
            "it asks for a description",
            "what is on the table?",
        ),
    ),
)
IMAGE_TAG = Task(
    name="image_tag",
    description="What the picture shows, in a word or two.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "What is this? Return a precise but very short answer.",
            ("Name what this picture shows in a word or two.",),
        )
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.category_tokens),
    settings=("category_tokens",),
)
VIDEO = Task(
    name="video_caption",
    description="What happens in the last pictures, with their sound if there is any.",
    prompts={
        UNIFIED_IO_2: Prompt("What does the video describe ?", ("Say what happens in this clip.",))
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    history=Use.REQUIRED,
    audio=Use.OPTIONAL,
    settings=("caption_tokens",),
    phrases=(
        Phrase(
            r"what\s+(?:happens|happened|just\s+happened|is\s+happening|is\s+going\s+on)\b"
            r"|(?:describe|caption)\b.*\b(?:video|clip)\b",
            "it asks what happens",
            "what just happened?",
        ),
    ),
)
VIDEO_TAG = Task(
    name="video_tag",
    description="The action that the last pictures show, in a few words.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "What action is being performed in this video? Please provide a short answer.",
            ("Name the activity in this clip in a few words.",),
        )
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.category_tokens),
    history=Use.REQUIRED,
    settings=("category_tokens",),
    phrases=(
        Phrase(
            r"(?:which|what)\s+(?:action|activity)\b",
            "it asks for an action's name",
            "which action is this?",
        ),
    ),
)
DEMONSTRATION = Task(
    name="demonstration_caption",
    description="What the robot does in the last pictures.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "What is the robot doing?", ("Name the job that the robot carries out here.",)
        )
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    history=Use.REQUIRED,
    settings=("caption_tokens",),
    phrases=(
        Phrase(
            r"what(?:'s|\s+is)\s+(?:the|this|that)\s+(?:robot|arm|gripper)\s+doing\b",
            "it asks what the robot does",
            "what is the robot doing?",
        ),
    ),
)
AUDIO = Task(
    name="audio_caption",
    description="What is to be heard.",
    prompts={
        UNIFIED_IO_2: Prompt(
            "Give a short description of this audio.",
            ("Say in one sentence what can be heard.",),
        )
    },
    outputs=("text",),
    answer=_writing(lambda settings: settings.caption_tokens),
    image=Use.NONE,
    audio=Use.REQUIRED,
    settings=("caption_tokens",),
    phrases=(
        Phrase(
            r"(?:describe|caption)\b.*\b(?:sound|audio|noise)s?\b|what\s+(?:do|can)\s+you\s+hear\b",
            "it asks what is to be heard",
            "what can you hear?",
        ),
    ),
)
