"""What the inference process shall load, and how. Imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass

from uio2_ros.settings import DEVICE_FORM, DEVICE_PATTERN, check, group, setting
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
    """A model and the way to run it; ValueError for values that make no sense.

    `~` at the beginning of a path is the home folder.
    """

    model: str = setting(
        "synthetic",
        "synthetic[:configuration], a hub id, a directory, or a server: ws://host:port or wss://",
    )
    tokenizer: str = setting("", "SentencePiece file; empty: the synthetic one of the package")
    device: str = setting(
        "auto", f"where the model runs: {DEVICE_FORM}", pattern=DEVICE_PATTERN, form=DEVICE_FORM
    )
    dtype: str = setting(
        "auto",
        "number format of the weights (all-bfloat16: of the ViTs, too)",
        choices=("auto", "float32", "bfloat16", "all-bfloat16", "float16"),
    )
    quantize: str = setting(
        "", "weights of linear layers as integers, such as int8; empty: as they are"
    )
    threads: int = setting(0, "CPU threads of the model; 0: all cores but one", high=1024)
    cuda_graphs: str = setting(
        "auto",
        "encoders and decoder as CUDA graphs, made when the model is loaded: where there is CUDA, "
        "or never",
        choices=("auto", "off"),
    )
    action_spaces: str = setting("", "folder of action-space files; empty: that of the package")
    tasks: TaskSettings = group(TaskSettings, "tasks")
    warm_up: bool = True
    """Answer one made-up instruction before READY, so that the first real one is not slow."""
    rows: int = 1
    """Texts that are written at once, for which CUDA graphs are made before READY."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError('model is empty; give "synthetic", a hub id or a directory')
        check(self)
        for name in ("model", "tokenizer", "action_spaces"):
            object.__setattr__(self, name, os.path.expanduser(getattr(self, name)))

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
