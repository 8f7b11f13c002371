"""Sound generation: a sound that the instruction describes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.task import Asking, Session, Task, Use

PROMPT = 'Synthesize the sound based on the description "{}"'
RATE_HZ = 16000


def answer(session: Session) -> Asking[Answer]:
    """One sound."""
    samples = yield from session.generate_sound(session.prompt)
    return Answer(text=f"{len(samples) / RATE_HZ:.1f} s of sound", audio=(within_range(samples),))


def within_range(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The samples, quieter as a whole where some lie outside [-1, 1]: nothing is clipped."""
    loudest = float(np.abs(samples).max(initial=0.0))
    return samples if loudest <= 1 else (samples / loudest).astype(np.float32)


TASK = Task(
    name="generate_audio",
    description="A sound that the instruction describes. Camera and microphone are not used.",
    prompt=PROMPT,
    variants=('Make a noise like this: "{}"', 'Produce the sound of "{}"'),
    outputs=("text", "audio"),
    answer=answer,
    image=Use.NONE,
)
