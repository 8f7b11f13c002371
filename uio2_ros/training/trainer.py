"""The training loop: one process, or several of torchrun, which share every step's examples.

Losses are summed over micro-batches and ranks and divided by the counts of the whole step, so the
gradient does not depend on how a step is cut.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import (
    MixedPrecisionPolicy,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.training.checkpoints import (
    TrainingState,
    load_checkpoint,
    newest,
    save_checkpoint,
    whole,
)
from uio2_ros.training.config import OptimizerSettings, TrainingConfig
from uio2_ros.training.lora import add_lora, merge_lora
from uio2_ros.training.objectives import EXAMPLES, LORA_IN, Objective, StepBatch
from uio2_ros.training.optimizers import Adafactor, MasterWeights, muon_with_adamw
from uio2_ros.training.schedule import rate_factor

MODEL = "model."
"""How the names of the model's parameters begin in an objective."""


@dataclass(frozen=True)
class OptimizerStep:
    """The micro-batches of one rank's optimiser step, and where their reader stood after them."""

    batches: Sequence[StepBatch]
    reader: int
    state: dict[str, Any]


@dataclass(frozen=True)
class StepReport:
    """What came of a step: means over its tokens, the norm of all gradients, seconds."""

    step: int
    losses: Mapping[str, float]
    gradient_norm: float
    skipped: bool
    seconds: float
    examples: int


class Trainer:
    """An objective's model while it learns. Every rank has one, of a process group that is there.

    The model's parameters stay where they are; `finished` gives what is to be kept of it.
    """

    def __init__(self, objective: Objective, config: TrainingConfig) -> None:
        self.config = config
        self.objective = objective
        self.step = 0
        self.skipped = 0
        self.ranks = dist.get_world_size() if dist.is_initialized() else 1
        if config.batch % self.ranks:
            raise ValueError(f"a batch of {config.batch} cannot be shared by {self.ranks} ranks")
        self._module = cast(nn.Module, objective)
        if config.precision == "bfloat16" and not config.sharded:
            _cast_trained(self._module)
        if config.compiled:
            _require_compiler(objective.model.device)
            cast(UnifiedIO, objective.model).compile_layers()
        self._wrapped = self._distributed()
        self.weights = MasterWeights(self._module)
        self.optimizers = make_optimizers(self.weights.named, config.optimizer, self._low)
        self._base = [(group, group["lr"]) for one in self.optimizers for group in one.param_groups]
        self.mean = {n: p.detach().clone() for n, p in self.weights.named.items() if config.ema}
        saved = self._module.state_dict().keys()
        self._buffers = {n: b for n, b in self._module.named_buffers() if n in saved}
        self._readers: dict[int, dict[str, Any]] = {}

    def train_step(self, step: OptimizerStep) -> StepReport:
        """Learn from one step's examples. Gradients that are not finite change nothing."""
        began = time.perf_counter()
        device = self.objective.model.device
        batches = [batch.to(device) for batch in step.batches]
        counts = self._counts(batches)
        losses: Counter[str] = Counter()
        for batch in batches:
            losses.update(self._backward(batch, counts, last=batch is batches[-1]))
        self.weights.take_gradients()
        norm = self._update()
        self._readers[step.reader] = step.state
        self.step += 1
        skipped = not math.isfinite(norm)
        self.skipped += skipped
        elapsed = time.perf_counter() - began
        together = self._summed(losses)
        return StepReport(self.step, together, norm, skipped, elapsed, round(counts[EXAMPLES]))

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""
        progress = TrainingState(self.step, self._readers)
        save_checkpoint(folder, progress, self._saved, self.optimizers, self.mean)

    def resume(self, folder: Path) -> TrainingState | None:
        """Go on from the newest checkpoint of a folder; None, and nothing changes, for none."""
        path = newest(folder)
        if path is None:
            return None
        progress = load_checkpoint(path, self._saved, self.optimizers, self.mean)
        self.weights.give_weights()
        self.step, self._readers = progress.step, dict(progress.readers)
        return progress

    @property
    def _saved(self) -> Mapping[str, Tensor]:
        """What learns by gradients, and what the objective itself remembers."""
        return {**self.weights.named, **self._buffers}

    def finished(self) -> PretrainedModel:
        """The model as it is now, in float32, LoRA merged: for a bundle. Every rank calls this.

        With `ema` it has the running means of the weights.
        """
        named = {**self.weights.named, **self.mean}
        trained = {
            name.removeprefix(MODEL): whole(p).detach().float()
            for name, p in named.items()
            if name.startswith(MODEL)
        }
        current = {n: whole(p).detach() for n, p in self.objective.model.state_dict().items()}
        model = type(self.objective.model)(self.objective.model.config)
        if self.config.lora is not None:
            add_lora(model, LORA_IN, self.config.lora.rank, self.config.lora.alpha)
        model.load_state_dict({**current, **trained})
        merge_lora(model)
        return model.eval()

    @property
    def _low(self) -> torch.dtype:
        """float32 only for a CPU that is asked for nothing else: it may have no bfloat16."""
        is_cpu = self.objective.model.device.type == "cpu"
        return torch.float32 if is_cpu and self.config.precision == "float32" else torch.bfloat16

    def _distributed(self) -> Callable[..., Any]:
        if self.ranks == 1:
            return self.objective
        if not self.config.sharded:
            return DistributedDataParallel(self._module, find_unused_parameters=True)
        half = torch.bfloat16 if self.config.precision == "bfloat16" else None
        policy = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        model = cast(UnifiedIO, self.objective.model)
        for layer in (*model.encoder.layers, *model.decoder.layers):
            fully_shard(layer, mp_policy=policy)
        for layer in model.decoder.layers:
            register_fsdp_forward_method(layer, "remember")
        fully_shard(self._module, mp_policy=policy)
        return self.objective

    def _counts(self, batches: Sequence[StepBatch]) -> dict[str, float]:
        """What losses are means over, of all micro-batches and ranks."""
        counted: Counter[str] = Counter()
        for batch in batches:
            counted.update(self.objective.counts(batch))
        if self.ranks == 1:
            return {name: float(count) for name, count in counted.items()}
        sums = torch.tensor([float(count) for count in counted.values()])
        sums = sums.to(self.objective.model.device)
        dist.all_reduce(sums)
        return dict(zip(counted, sums.tolist(), strict=True))

    def _summed(self, losses: Mapping[str, float]) -> dict[str, float]:
        """Losses over all ranks, some of which may lack one."""
        if self.ranks == 1:
            return dict(losses)
        everybody: list[Mapping[str, float]] = [{} for _ in range(self.ranks)]
        dist.all_gather_object(everybody, dict(losses))
        total: Counter[str] = Counter()
        for one in everybody:
            total.update(one)
        return dict(total)

    def _backward(
        self, batch: StepBatch, counts: Mapping[str, float], last: bool
    ) -> dict[str, float]:
        with self._syncing(last), self._autocast():
            total, report = self._wrapped(batch, counts)
            torch.autograd.backward(total * self.ranks)  # ranks' gradients are averaged
        return {name: float(value) for name, value in report.items()}

    def _syncing(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are shared between ranks once a step, with its last micro-batch."""
        if isinstance(self._wrapped, DistributedDataParallel) and not last:
            return self._wrapped.no_sync()
        return nullcontext()

    def _autocast(self) -> AbstractContextManager[object]:
        if self.config.precision != "autocast":
            return nullcontext()
        return torch.autocast(self.objective.model.device.type, torch.bfloat16)

    def _update(self) -> float:
        """One optimiser step; the norm of the gradients."""
        settings = self.config.optimizer
        given = [p for p in self.weights.named.values() if p.grad is not None]
        norm = float(whole(nn.utils.clip_grad_norm_(given, settings.clip)))
        if math.isfinite(norm):
            factor = rate_factor(self.step, self.config.steps, settings)
            for group, base in self._base:
                group["lr"] = base * factor
            for optimizer in self.optimizers:
                optimizer.step()
            self.weights.give_weights()
            self._average()
        for p in self.weights.named.values():
            p.grad = None
        return norm

    @torch.no_grad()
    def _average(self) -> None:
        for name, mean in self.mean.items():
            mean.lerp_(self.weights.named[name], 1 - self.config.ema)


def make_optimizers(
    named: Mapping[str, Tensor], settings: OptimizerSettings, low: torch.dtype
) -> tuple[Optimizer, ...]:
    """The optimisers of a run; between them they have every parameter.

    low: in what an update may be computed that needs no exactness.
    """
    if settings.name == "muon":
        return muon_with_adamw(
            named.items(),
            muon_lr=settings.muon_lr,
            adamw_lr=settings.lr,
            weight_decay=settings.weight_decay,
            dtype=low,
        )
    if settings.name == "adafactor":
        return (Adafactor(named.values(), settings.lr, weight_decay=settings.weight_decay),)
    adamw = torch.optim.AdamW(
        named.values(), settings.lr, betas=(0.9, 0.95), weight_decay=settings.weight_decay
    )
    return (adamw,)


def run(
    trainer: Trainer,
    steps: Iterator[OptimizerStep],
    folder: Path,
    report: Callable[[StepReport], None],
) -> None:
    """Train to the end of the configuration, with a checkpoint every so many steps."""
    config = trainer.config
    while trainer.step < config.steps:
        report(trainer.train_step(next(steps)))
        if trainer.step % config.save_every == 0 or trainer.step == config.steps:
            trainer.save(folder)


def _require_compiler(device: torch.device) -> None:
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++")
    if device.type == "cpu" and not any(map(shutil.which, compilers)):
        raise ValueError("`compiled` needs a C++ compiler: install g++, or say `compiled: false`")


def _cast_trained(module: nn.Module) -> None:
    """bfloat16 for what is trained; rotary tables and frozen parts stay as they are."""
    for p in module.parameters():
        if p.requires_grad:
            p.data = p.data.bfloat16()
