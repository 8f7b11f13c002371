"""What the inference process shall load, and how. Imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from uio2_ros.tasks.settings import TaskSettings


def default_threads() -> int:
    """OMP_NUM_THREADS if it is a number, else one core fewer than this process may use.

    At least one; a core stays for the image and sound callbacks.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return max(1, len(os.sched_getaffinity(0)) - 1)


@dataclass(frozen=True)
class ModelSpec:
    """A model and the way to run it; ValueError for values that make no sense."""

    model: str = "synthetic"
    """"synthetic", "synthetic:<configuration>", a directory or a hub id."""
    tokenizer: str = ""
    """SentencePiece file; "" is the synthetic one of this package."""
    device: str = "auto"
    dtype: str = "auto"
    quantize: str | None = None
    threads: int = 0
    """CPU threads of the model; 0 is `default_threads()`."""
    action_spaces: str = ""
    """Folder of action-space files; "" is that of this package."""
    tasks: TaskSettings = field(default_factory=TaskSettings)
    warm_up: bool = True
    """Answer one made-up instruction before READY, so that the first real one is not slow."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError('model is empty; give "synthetic", a hub id or a directory')
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}; give 0 (all but one core) or more")

    @property
    def is_synthetic(self) -> bool:
        """Whether the weights are made up."""
        return self.model == "synthetic" or self.model.startswith("synthetic:")

    @property
    def synthetic_config(self) -> str:
        """The configuration of a synthetic model: what follows the colon, "tiny" without one."""
        return self.model.partition(":")[2] or "tiny"

    @property
    def cpu_threads(self) -> int:
        """Threads the child shall use."""
        return self.threads or default_threads()
