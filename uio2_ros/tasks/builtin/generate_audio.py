"""Sound generation: a sound that the instruction describes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import parts
from uio2_ros.tasks.phrases import MAKE, rest
from uio2_ros.tasks.targets import TargetError
from uio2_ros.tasks.task import (
    UNIFIED_IO_2,
    Argument,
    Asking,
    LabelledCall,
    Phrase,
    Prompt,
    Session,
    Task,
    Use,
)

RATE_HZ = 16000


def answer(session: Session) -> Asking[Answer]:
    """One sound."""
    samples = yield from session.generate_sound(session.prompt)
    return Answer(text=f"{len(samples) / RATE_HZ:.1f} s of sound", audio=(within_range(samples),))


def within_range(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The samples, quieter as a whole where some lie outside [-1, 1]: nothing is clipped."""
    loudest = float(np.abs(samples).max(initial=0.0))
    return samples if loudest <= 1 else (samples / loudest).astype(np.float32)


def target(labelled: LabelledCall) -> npt.NDArray[np.float32]:
    """The answer's sound."""
    if len(labelled.answer.audio) != 1:
        raise TargetError(f"the answer has {len(labelled.answer.audio)} sounds, expected one")
    return labelled.answer.audio[0]


TASK = Task(
    name="generate_audio",
    description="A sound: mono float32 at 16 kHz in [-1, 1], 4.08 s. Camera and microphone are not "
    "used.",
    prompts={
        UNIFIED_IO_2: Prompt(
            'Synthesize the sound based on the description "{}"',
            ('Make a noise like this: "{}"', 'Produce the sound of "{}"'),
        )
    },
    outputs=("text", "audio"),
    answer=answer,
    gives=parts.sound,
    target=target,
    arguments=(Argument("text", "what is to be heard"),),
    image=Use.NONE,
    phrases=(
        Phrase(
            rf"{MAKE}\s+(?:me\s+)?(?:(?:the|a|an|some)\s+)?(?:sound|noise|audio)s?\s+(?:of|like)\b"
            r"\s*(?=\w)",
            "it asks for a sound",
            "make the sound of a dog",
            rest,
        ),
    ),
)
