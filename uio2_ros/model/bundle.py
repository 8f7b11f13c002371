"""A bundle: one directory with a model, its tokenizer, and what it was trained for. No torch.

`bundle.json` holds a `Bundle`; docs/bundles.md has the layout.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from uio2_ros.robot.errors import CheckpointError
from uio2_ros.robot.records import plain, structured

BUNDLE_FILE = "bundle.json"
TOKENIZER_FILE = "tokenizer.model"
CARD_FILE = "card.md"
VQGAN_FILES = {"image": "image_vqgan.safetensors", "audio": "audio_vqgan.safetensors"}
"""VQGANs of target modalities that the model does not write yet, for who would teach it to."""
SHIPPED_BUNDLES = Path(__file__).parents[1] / "bundles"


@dataclass(frozen=True)
class Camera:
    """A camera whose pictures were trained on; its size in pixels."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class TrainedFor:
    """Tasks and action spaces by their names, and cameras."""

    tasks: tuple[str, ...]
    action_spaces: tuple[str, ...] = ()
    cameras: tuple[Camera, ...] = ()


@dataclass(frozen=True)
class ScoreCalibration:
    """What the scores of a task's boxes are worth: 1 / (1 + exp(-(slope ln(score) + offset)))."""

    LEAST: ClassVar[float] = 1e-12

    slope: float
    offset: float

    def probability(self, score: float) -> float:
        """That what has this score is right."""
        return 1 / (1 + math.exp(-(self.slope * math.log(max(score, self.LEAST)) + self.offset)))


@dataclass(frozen=True)
class Bundle:
    """What `bundle.json` says about the model beside it."""

    family: str
    """As in `inference.families`."""
    description: str
    licence: str
    trained_for: TrainedFor
    tokenizer: str = TOKENIZER_FILE
    """The SentencePiece file in the bundle."""
    trained_in: Literal["float32", "bfloat16"] = "float32"
    """What all of it was trained in, ViTs too: those may then run in it without being worse."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What it reached, by the name of what was measured."""
    calibration: Mapping[str, ScoreCalibration] = field(default_factory=dict)
    """By task; scores of other tasks are those of the tokens."""

    def __post_init__(self) -> None:
        if Path(self.tokenizer).name != self.tokenizer:
            raise ValueError(f"tokenizer {self.tokenizer!r} must be a file in the bundle itself")

    @staticmethod
    def read(path: Path) -> Bundle:
        """The content of a `bundle.json`; CheckpointError, naming the file, for an unusable one."""
        try:
            return structured(json.loads(path.read_text(encoding="utf-8")), Bundle, path.name)
        except (ValueError, OSError) as error:
            raise CheckpointError(f"{path} is no usable description: {error}") from error

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(plain(self), indent=1) + "\n", encoding="utf-8")


def shipped_bundles() -> tuple[str, ...]:
    """The names of the bundles inside this package."""
    return tuple(sorted(path.parent.name for path in SHIPPED_BUNDLES.glob(f"*/{BUNDLE_FILE}")))


def local_bundle(model: str) -> Bundle | None:
    """What a bundle of the package, or in a directory, says of itself; None for other models."""
    shipped = model in shipped_bundles() and not Path(model).is_dir()
    folder = SHIPPED_BUNDLES / model if shipped else Path(model).expanduser()
    path = folder / BUNDLE_FILE
    return Bundle.read(path) if path.is_file() else None


def untaught(model: str, task: str) -> str:
    """Why an answer means nothing: the model was not trained for the task. "" where it was, or
    where nobody says."""
    bundle = local_bundle(model) if model else None
    known = () if bundle is None else bundle.trained_for.tasks
    if not known or task in known:
        return ""
    return (
        f"{model} was not trained for {task or 'free form'}: its answer means nothing; it was for "
        + ", ".join(known)
    )
