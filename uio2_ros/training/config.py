"""What a training run is, as its YAML file says it (docs/training.md). No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from uio2_ros.robot.records import read_yaml
from uio2_ros.training.mixture import PARAPHRASES


class TrainingConfigError(ValueError):
    """A file that describes no training run; the message says where it is wrong."""


@dataclass(frozen=True)
class DataSettings:
    """One entry of the mixture: where samples come from, and what is learnt of them.

    kind and path: `shards` and `prepared` folders of ours, `lerobot` a data set, `mcap` a
    recording or a folder of some, `webdataset` a folder of tar files, `coco` a folder with
    `annotations.json`, `vqa` one with `questions.json` as well, `texts` a data set of Hugging
    Face, `simulator`, `scenes` and `sounds` nothing: they are made on the fly. The rest is that of
    `MixtureTask`.
    """

    kind: Literal[
        "shards",
        "prepared",
        "simulator",
        "scenes",
        "sounds",
        "lerobot",
        "mcap",
        "webdataset",
        "coco",
        "vqa",
        "texts",
    ]
    path: str = ""
    rate: float = 1.0
    tasks: tuple[str, ...] = ()
    paraphrases: float = PARAPHRASES
    augmented: bool = True
    denoised: float = 0.0
    action_space: str = ""
    """Of LeRobot data sets and recordings: the name of one, or a file."""
    instruction: str = ""
    """Of recordings that do not say it."""
    task_rates: Mapping[str, float] = field(default_factory=dict)
    """Of prepared examples: how often each task is drawn; 1 where nothing is said."""

    def __post_init__(self) -> None:
        if not self.path and self.kind not in ("simulator", "scenes", "sounds"):
            raise ValueError(f"data of kind {self.kind} needs a path")


@dataclass(frozen=True)
class OptimizerSettings:
    """lr is AdamW's, or Adafactor's base rate; muon_lr that of matrices, with `muon` only.

    schedule: `cosine` and `linear` end at `final` times the rate, `inverse_sqrt` is T5's.
    """

    name: Literal["muon", "adamw", "adafactor"] = "adamw"
    lr: float = 1e-3
    muon_lr: float = 0.02
    weight_decay: float = 0.0
    warmup: int = 100
    schedule: Literal["constant", "cosine", "linear", "inverse_sqrt"] = "cosine"
    final: float = 0.05
    clip: float = 1.0
    """Largest norm of all gradients together, before the optimiser sees them."""


@dataclass(frozen=True)
class LossOptions:
    """z_loss and label smoothing as in `LossSettings`; soft_locations: sigma in bins, 0 for none.

    grounding: the weight of saying which patches a prompt speaks of, where prepared examples know.
    misread: the share of words that the decoder reads wrong, so that it looks at the picture for
    the next one instead of at the word before; locations are read as they are.
    """

    z_loss: float = 1e-4
    label_smoothing: float = 0.0
    soft_locations: float = 0.0
    grounding: float = 0.0
    misread: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.misread < 1:
            raise ValueError(f"misread is {self.misread}; give a share in [0, 1)")


@dataclass(frozen=True)
class VQGANOptions:
    """How a VQGAN learns (`training.vqgan`).

    squared: weight of the squared error beside the absolute one. commitment: that of the encoder's
    distance to the codes it chose. patience: micro-batches after which a code that nothing chose is
    put where something is. crop: side of the part of a picture that is shown; 0: all of it.
    """

    squared: float = 1.0
    commitment: float = 0.25
    patience: int = 200
    crop: int = 0

    def __post_init__(self) -> None:
        if self.patience < 1 or self.crop < 0:
            raise ValueError("give a patience of 1 or more, and a crop of 0 or more")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank updates of the transformer's linear layers in place of full fine-tuning."""

    rank: int = 8
    alpha: float = 16.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"the rank of LoRA is {self.rank}; give 1 or more")


@dataclass(frozen=True)
class TrainingConfig:
    """A training run. Lengths are in optimiser steps, batches in examples over all ranks.

    model: a bundle, a checkpoint or a hub id to go on from, or the name of a shipped configuration
    to start from nothing; tokenizer: empty for that of the bundle.
    """

    model: str
    output: Path
    data: tuple[DataSettings, ...]
    objective: Literal["answers", "dense", "image_vqgan", "audio_vqgan"] = "answers"
    """dense: the image ViT alone learns what its patches show, from scenes of the simulator; the
    others: the VQGAN of pictures or of sound alone learns to draw what it is shown."""
    targets: tuple[str, ...] = ()
    """Modalities that the model is to write beside those that it does; their tables begin from
    nothing, their VQGANs are those of the bundle."""
    tokenizer: str = ""
    steps: int = 1000
    batch: int = 32
    micro_batch: int = 0
    """Examples computed at a time on each rank; 0: all of the rank's share."""
    seed: int = 0
    workers: int = 0
    """Processes that make examples, of each rank."""
    packed: tuple[int, int] | None = None
    """Input and target tokens of a row that several examples share."""
    patches: int = 0
    """Of a picture that are shown, drawn at random; 0: all."""
    precision: Literal["auto", "float32", "autocast", "bfloat16"] = "float32"
    """autocast: bfloat16 activations; bfloat16: weights too, beside float32 master weights; auto:
    that where the device measures it faster, else float32."""
    recolored: float = 0.0
    """Of the dense objective: the share of pictures whose hues are turned, colours not taught."""
    train_vit: bool = False
    dynamic_masking: bool = True
    checkpoint_activations: bool = False
    compiled: bool = False
    """Layers become fused kernels by torch.compile: about twice as fast; needs a C++ compiler."""
    ema: float = 0.0
    """Decay of a running mean of the weights, which is what is saved then; 0: none."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: LossOptions = field(default_factory=LossOptions)
    vqgan: VQGANOptions = field(default_factory=VQGANOptions)
    lora: LoraSettings | None = None
    sharded: bool = False
    """FSDP2 in place of DDP, where there are several ranks."""
    save_every: int = 200
    log_every: int = 10
    sheet_every: int = 0
    """Steps between tables of what the model writes beside what it should; 0: none."""
    wandb: str = ""
    """Project of Weights & Biases to log to as well."""

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("there is no data to train on")
        for name in ("steps", "batch", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")
        if self.compiled and self.sharded:
            raise ValueError("layers are compiled or sharded, not both")
        if self.vqgan_modality and (
            self.compiled or self.sharded or self.precision not in ("float32", "autocast")
        ):
            raise ValueError("VQGANs are trained in float32 or autocast, not compiled nor sharded")
        if self.targets and self.lora is not None:
            raise ValueError("new targets are learnt in full: leave `lora` out")
        if not 0 <= self.recolored <= 1:
            raise ValueError(f"recolored is {self.recolored}; give a share in [0, 1]")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is {self.ema}; give a value in [0, 1)")

    @property
    def vqgan_modality(self) -> str:
        """Whose VQGAN is trained; "" where it is another objective."""
        modality, _, kind = self.objective.partition("_")
        return modality if kind == "vqgan" else ""


def read_training_config(path: Path, overrides: Mapping[str, Any] | None = None) -> TrainingConfig:
    """The run a YAML file describes, with some of its top keys replaced. TrainingConfigError."""
    return read_yaml(path, TrainingConfig, TrainingConfigError, overrides or {})
