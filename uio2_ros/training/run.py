"""A training run from its configuration to a bundle, in one process or under torchrun.

What it leaves in its folder: `checkpoints/`, from which the same command goes on; `log.jsonl` and
TensorBoard's files; `sheets/`, what the model writes meanwhile; and at the end `bundle/`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.distributed as dist

from uio2_ros.inference.devices import small_layers_are_faster_in_bfloat16
from uio2_ros.model.bundle import BUNDLE_FILE, TOKENIZER_FILE, Bundle, TrainedFor
from uio2_ros.model.checkpoint import CheckpointFiles, locate
from uio2_ros.model.example import Batch
from uio2_ros.model.families.unified_io_2.config import (
    TARGET_MODALITIES,
    ModelConfig,
    shipped_configs,
)
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.processing import Tokenizer
from uio2_ros.training.answer_sheet import answer_sheet
from uio2_ros.training.checkpoints import own_rank
from uio2_ros.training.config import TrainingConfig
from uio2_ros.training.initialization import initialize
from uio2_ros.training.objectives import AnswerObjective, DenseObjective, Objective
from uio2_ros.training.readers import StepReader, step_loader
from uio2_ros.training.trainer import OptimizerStep, StepReport, Trainer, run
from uio2_ros.training.vqgan import VQGANObjective
from uio2_ros.training.vqgan_bundle import starting_vqgan, write_vqgan_bundle

CHECKPOINTS, LOG, SHEETS, BUNDLE = "checkpoints", "log.jsonl", "sheets", "bundle"
OnStep = Callable[[StepReport, int], None]
"""Told of every step, and of how many there are."""


def train(config: TrainingConfig, on_step: OnStep = lambda *_: None) -> Path:
    """Train, or go on training, and write the bundle; its folder. Only rank 0 writes."""
    with _ranks():
        return _train(config, on_step)


@contextmanager
def _ranks() -> Iterator[None]:
    """Joins the other processes of torchrun, if there are some, and leaves them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _train(config: TrainingConfig, on_step: OnStep) -> Path:
    torch.manual_seed(config.seed)
    config = _with_precision(config)
    tokenizer = tokenizer_of(config)
    objective = _objective(config, Tokenizer(tokenizer))
    trainer = Trainer(objective, config)
    folder = config.output.expanduser() / CHECKPOINTS
    progress = trainer.resume(folder)
    rank = own_rank()
    reader = StepReader(
        config,
        reading_config(objective.model.config, config),
        tokenizer,
        rank=rank,
        ranks=trainer.ranks,
        states=None if progress is None else progress.readers,
    )
    steps = step_loader(reader, config.workers)
    if rank:
        run(trainer, steps, folder, lambda _: None)
    else:
        _run_first(trainer, steps, folder, on_step, Tokenizer(tokenizer))
    finished = trainer.finished()
    if not rank and isinstance(finished, TargetVQGAN):
        write_vqgan_bundle(config, finished)
    elif not rank:
        write_bundle(config, cast(UnifiedIO, finished), tokenizer)
    return config.output.expanduser() / BUNDLE


def _run_first(
    trainer: Trainer,
    steps: Iterator[OptimizerStep],
    folder: Path,
    on_step: OnStep,
    tokenizer: Tokenizer,
) -> None:
    """The loop of the rank that logs."""
    config = trainer.config
    log = Log(config)

    shown: list[OptimizerStep] = []

    def watched() -> Iterator[OptimizerStep]:
        for step in steps:
            shown[:] = [step]
            yield step

    def report(done: StepReport) -> None:
        if config.sheet_every and done.step % config.sheet_every == 0:
            write_sheet(trainer, shown[0], tokenizer, done.step)
        if done.step % config.log_every == 0 or done.step == config.steps:
            log.write(done)
        on_step(done, config.steps)

    try:
        run(trainer, watched(), folder, report)
    finally:
        log.close()


def write_sheet(trainer: Trainer, step: OptimizerStep, tokenizer: Tokenizer, number: int) -> None:
    """Write `sheets/step-NUMBER.md` for the examples of a step that are answers."""
    batch = step.batches[0]
    if not isinstance(batch, Batch):
        return
    folder = trainer.config.output.expanduser() / SHEETS
    folder.mkdir(parents=True, exist_ok=True)
    model = cast(UnifiedIO, trainer.objective.model)
    text = answer_sheet(model, batch.to(model.device), tokenizer)
    (folder / f"step-{number}.md").write_text(text, encoding="utf-8")


class Log:
    """Numbers of steps in `log.jsonl`, TensorBoard if it is installed, and W&B if it is asked."""

    def __init__(self, config: TrainingConfig) -> None:
        folder = config.output.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / LOG).open("a", encoding="utf-8")
        self._board = _tensorboard(folder)
        self._wandb = _wandb(config) if config.wandb else None

    def write(self, done: StepReport) -> None:
        """Log one step."""
        numbers = {
            **done.losses,
            "gradient norm": done.gradient_norm,
            "examples per second": done.examples / done.seconds,
        }
        self._file.write(json.dumps({"step": done.step, **numbers}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, done.step)
        if self._wandb is not None:
            self._wandb.log(numbers, step=done.step)

    def close(self) -> None:
        """Flush and close everything."""
        self._file.close()
        if self._board is not None:
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _wandb(config: TrainingConfig) -> Any:
    import wandb

    return wandb.init(project=config.wandb, dir=str(config.output), resume="allow")


def starting_model(config: TrainingConfig, tokenizer: Tokenizer) -> UnifiedIO:
    """The model of a bundle or checkpoint in float32, or one of a shipped configuration, new."""
    if config.model not in shipped_configs():
        files = locate(config.model)
        model = UnifiedIO.from_files(files, dtype=torch.float32)
        return with_targets(model, files, config.targets)
    model = UnifiedIO.from_config(config.model)
    initialize(model, tokenizer.location_ids if config.loss.soft_locations else None)
    return model


def with_targets(model: UnifiedIO, files: CheckpointFiles, targets: Sequence[str]) -> UnifiedIO:
    """A model that writes these modalities, too: new tables, and the VQGANs of its bundle."""
    added = [name for name in targets if name not in model.config.target_modalities]
    if not added:
        return model
    wanted = tuple(n for n in TARGET_MODALITIES if n in (*model.config.target_modalities, *added))
    wider = UnifiedIO(replace(model.config, target_modalities=wanted))
    initialize(wider)
    known = model.state_dict()
    for name in added:
        known |= TargetVQGAN.of(files, name).state_dict()
    wider.load_state_dict({**wider.state_dict(), **known})
    return wider.eval()


def _objective(config: TrainingConfig, tokenizer: Tokenizer) -> Objective:
    """On this rank's device."""
    if config.vqgan_modality:
        vqgan, new = starting_vqgan(config)
        return VQGANObjective(vqgan, config.vqgan, new=new).to(_device())
    model = starting_model(config, tokenizer).to(_device())
    if config.objective == "dense":
        return DenseObjective(model)
    return AnswerObjective(model, config, tokenizer.location_ids)


def tokenizer_of(config: TrainingConfig) -> Path:
    """The tokenizer that is named, or that of the bundle."""
    if config.tokenizer:
        return Path(config.tokenizer).expanduser()
    if config.model in shipped_configs():
        raise ValueError(f"a new model of size {config.model} needs a tokenizer: name its file")
    found = locate(config.model).tokenizer
    if found is None:
        raise ValueError(f"{config.model} has no tokenizer; name its file with `tokenizer`")
    return found


def reading_config(model: ModelConfig, config: TrainingConfig) -> ModelConfig:
    """The model's configuration with as many patches of a picture as training shows."""
    if not config.patches:
        return model
    lengths = replace(model.sequence_length, image_input_samples=config.patches)
    return replace(model, sequence_length=lengths)


def write_bundle(config: TrainingConfig, model: UnifiedIO, tokenizer: Path) -> Path:
    """What was trained as a bundle, in bfloat16: `./uio2 up model:=FOLDER`.

    VQGANs stay as they are: codes must mean what they meant. Those of modalities that it does not
    write lie beside it again.
    """
    folder = config.output.expanduser() / BUNDLE
    model.to_dtype(torch.bfloat16, torch.bfloat16).save_pretrained(folder)
    shutil.copyfile(tokenizer, folder / TOKENIZER_FILE)
    files = None if config.model in shipped_configs() else locate(config.model)
    for modality, path in ({} if files is None else files.vqgans).items():
        if modality not in model.config.target_modalities:
            shutil.copyfile(path, folder / path.name)
    start = None if files is None else files.bundle
    tasks = {task for data in config.data for task in (*data.tasks, *data.task_rates)}
    spaces = {Path(data.action_space).stem for data in config.data if data.action_space}
    known = start.trained_for if start is not None else TrainedFor(())
    Bundle(
        family="unified_io_2",
        description=f"Trained from {config.model} by ./uio2 train, {config.steps} steps",
        licence="" if start is None else start.licence,
        trained_in=_trained_in(config, start),
        trained_for=replace(
            known,
            tasks=tuple(sorted({*known.tasks, *tasks})),
            action_spaces=tuple(sorted({*known.action_spaces, *spaces})),
        ),
    ).save(folder / BUNDLE_FILE)
    return folder


def _trained_in(config: TrainingConfig, start: Bundle | None) -> Literal["float32", "bfloat16"]:
    """The ViTs' dtype: that of what it started from, or of this run where that was nothing."""
    if start is not None:
        return start.trained_in
    from_nothing = config.model in shipped_configs()
    return "bfloat16" if from_nothing and config.precision == "bfloat16" else "float32"


def _with_precision(config: TrainingConfig) -> TrainingConfig:
    """ "auto" made definite, by measurement on this device."""
    if config.precision != "auto":
        return config
    device = _device()
    low = [small_layers_are_faster_in_bfloat16(device)]
    if dist.is_initialized() and device.type == "cpu":
        dist.broadcast_object_list(low)  # measured, and all ranks have to compute alike
    return replace(config, precision="bfloat16" if low[0] else "float32")


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
