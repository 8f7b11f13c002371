"""The training loop: one process, or several of torchrun, which share every step's examples.

Losses are summed over micro-batches and ranks and divided by the tokens of the whole step, so the
gradient does not depend on how a step is cut.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from uio2_ros.model.families.unified_io_2.targets import AudioTargetEmbedder, ImageTargetEmbedder
from uio2_ros.model.families.unified_io_2.unified_io import TargetLogits, UnifiedIO
from uio2_ros.processing.example import Batch
from uio2_ros.training.checkpoints import (
    Progress,
    load_checkpoint,
    newest,
    save_checkpoint,
    whole,
)
from uio2_ros.training.config import OptimizerSettings, TrainingConfig
from uio2_ros.training.grounding import GroundingHead, stacked_marks
from uio2_ros.training.lora import add_lora, merge_lora
from uio2_ros.training.loss import LossSettings, training_loss
from uio2_ros.training.optimizers import Adafactor, MasterWeights, muon_with_adamw
from uio2_ros.training.readers import Step
from uio2_ros.training.schedule import rate_factor

LORA_IN = ("encoder", "decoder")
FROZEN = (".vqgan.",)
VIT = ".vit."


@dataclass(frozen=True)
class StepReport:
    """What came of a step: means over its tokens, the norm of all gradients, seconds."""

    step: int
    losses: Mapping[str, float]
    gradient_norm: float
    skipped: bool
    seconds: float
    examples: int


class Learner(nn.Module):
    """The model, and what is read from it in training only."""

    def __init__(self, model: UnifiedIO, grounded: bool) -> None:
        super().__init__()
        self.model = model
        self.grounding = GroundingHead(model.config.t5_config.emb_dim) if grounded else None
        self._encoded: Tensor | None = None
        if grounded:
            model.encoder.register_forward_hook(self._keep)

    def forward(
        self, batch: Batch, dynamic_masking: bool
    ) -> tuple[dict[str, TargetLogits], Tensor | None]:
        """What the model gives for a batch, and the grounding loss where it is known."""
        outputs = self.model(batch, dynamic_masking=dynamic_masking)
        marks = stacked_marks(batch.examples) if self.grounding is not None else None
        if self.grounding is None or marks is None or batch.rows is not None:
            return outputs, None
        assert self._encoded is not None
        first = batch.text.shape[1]
        patches = self._encoded[:, first : first + marks[0].shape[1]]
        return outputs, self.grounding.loss(patches, *(one.to(patches.device) for one in marks))

    def _keep(self, _module: nn.Module, _inputs: object, hidden: Tensor) -> None:
        self._encoded = hidden


class Trainer:
    """A model while it learns. Every rank has one; with several, call `torch.distributed` before.

    model: its parameters stay where they are; `finished` gives what is to be kept of it.
    """

    def __init__(
        self, model: UnifiedIO, config: TrainingConfig, locations: range | None = None
    ) -> None:
        self.config = config
        self.step = 0
        self.skipped = 0
        self._ranks = dist.get_world_size() if dist.is_initialized() else 1
        if config.batch % self._ranks:
            raise ValueError(f"a batch of {config.batch} cannot be shared by {self._ranks} ranks")
        _choose_trained(model, config)
        self.learner = Learner(model.train(), config.loss.grounding > 0)
        if config.precision == "bfloat16" and not config.sharded:
            _cast_trained(self.learner)
        self._wrapped = self._distributed()
        self.weights = MasterWeights(self.learner)
        self.optimizers = make_optimizers(self.weights.named, config.optimizer)
        self._base = [(group, group["lr"]) for one in self.optimizers for group in one.param_groups]
        self.mean = {n: p.detach().clone() for n, p in self.weights.named.items() if config.ema}
        self._loss = LossSettings(
            z_loss=config.loss.z_loss,
            label_smoothing=config.loss.label_smoothing,
            locations=locations if config.loss.soft_locations else None,
            location_sigma=config.loss.soft_locations or 1.0,
        )
        self._readers: dict[int, dict[str, object]] = {}

    def train_step(self, step: Step) -> StepReport:
        """Learn from one step's examples. Gradients that are not finite change nothing."""
        began = time.perf_counter()
        batches = [batch.to(self.learner.model.device) for batch in step.batches]
        counts = self._counts(batches)
        parts = [self._backward(batch, counts, last=batch is batches[-1]) for batch in batches]
        self.weights.take_gradients()
        norm = self._update()
        self._readers[step.reader] = step.state
        self.step += 1
        losses = {name: sum(part.get(name, 0.0) for part in parts) for name in parts[0]}
        examples = sum(len(batch.text) for batch in batches) * self._ranks
        skipped = not math.isfinite(norm)
        self.skipped += skipped
        elapsed = time.perf_counter() - began
        return StepReport(self.step, losses, norm, skipped, elapsed, examples)

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""
        progress = Progress(self.step, self._readers)
        save_checkpoint(folder, progress, self.weights.named, self.optimizers, self.mean)

    def resume(self, folder: Path) -> Progress | None:
        """Go on from the newest checkpoint of a folder; None, and nothing changes, for none."""
        path = newest(folder)
        if path is None:
            return None
        progress = load_checkpoint(path, self.weights.named, self.optimizers, self.mean)
        self.weights.give_weights()
        self.step, self._readers = progress.step, dict(progress.readers)
        return progress

    def finished(self) -> UnifiedIO:
        """The model as it is now, in float32, LoRA merged: for a bundle. Every rank calls this.

        With `ema` it has the running means of the weights.
        """
        config = self.learner.model.config
        named = self.mean or self.weights.named
        state = {name: whole(tensor).detach().float() for name, tensor in named.items()}
        current = {n: whole(p).detach().float() for n, p in self.learner.state_dict().items()}
        model = UnifiedIO(config)
        if self.config.lora is not None:
            add_lora(model, LORA_IN, self.config.lora.rank, self.config.lora.alpha)
        fresh = Learner(model, self.learner.grounding is not None)
        fresh.load_state_dict({**current, **state})
        merge_lora(model)
        return model.eval()

    def _distributed(self) -> nn.Module:
        if self._ranks == 1:
            return self.learner
        if not self.config.sharded:
            return DistributedDataParallel(self.learner, find_unused_parameters=True)
        half = torch.bfloat16 if self.config.precision == "bfloat16" else None
        policy = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        model = self.learner.model
        for layer in (*model.encoder.layers, *model.decoder.layers):
            fully_shard(layer, mp_policy=policy)
        fully_shard(self.learner, mp_policy=policy)
        return self.learner

    def _counts(self, batches: list[Batch]) -> dict[str, float]:
        """Target tokens of each modality over all micro-batches and ranks."""
        counted = [target_counts(self.learner.model, batch) for batch in batches]
        total = {name: float(sum(one[name] for one in counted)) for name in counted[0]}
        if self._ranks > 1:
            sums = torch.tensor(list(total.values()))
            dist.all_reduce(sums)
            total = dict(zip(total, sums.tolist(), strict=True))
        return total

    def _backward(self, batch: Batch, counts: Mapping[str, float], last: bool) -> dict[str, float]:
        with self._syncing(last), self._autocast():
            outputs, grounding = self._wrapped(batch, self.config.dynamic_masking)
            loss = training_loss(outputs, self._loss, counts)
            total = loss.total
            if grounding is not None:
                share = len(batch.text) * self._ranks / self.config.batch
                total = total + self.config.loss.grounding * share * grounding
            torch.autograd.backward(total * self._ranks)  # ranks' gradients are averaged
        report = {name: float(part.total.detach()) for name, part in loss.modalities.items()}
        report |= {f"{n} accuracy": float(part.accuracy) for n, part in loss.modalities.items()}
        return report if grounding is None else {**report, "grounding": float(grounding.detach())}

    def _syncing(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are shared between ranks once a step, with its last micro-batch."""
        if isinstance(self._wrapped, DistributedDataParallel) and not last:
            return self._wrapped.no_sync()
        return nullcontext()

    def _autocast(self) -> AbstractContextManager[object]:
        if self.config.precision != "autocast":
            return nullcontext()
        return torch.autocast(self.learner.model.device.type, torch.bfloat16)

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
    named: Mapping[str, Tensor], settings: OptimizerSettings
) -> tuple[Optimizer, ...]:
    """The optimisers of a run; between them they have every parameter."""
    if settings.name == "muon":
        return muon_with_adamw(
            named.items(),
            muon_lr=settings.muon_lr,
            adamw_lr=settings.lr,
            weight_decay=settings.weight_decay,
        )
    if settings.name == "adafactor":
        return (Adafactor(named.values(), settings.lr, weight_decay=settings.weight_decay),)
    return (
        torch.optim.AdamW(
            named.values(), settings.lr, betas=(0.9, 0.95), weight_decay=settings.weight_decay
        ),
    )


def target_counts(model: UnifiedIO, batch: Batch) -> dict[str, int]:
    """Target tokens that count, of every modality that the model writes."""
    counts = dict.fromkeys(model.config.target_modalities, 0)
    if batch.text_target is not None:
        counts["text"] = int((batch.text_target > 0).sum())
    for name, mask in (("image", batch.image_target_mask), ("audio", batch.audio_target_mask)):
        if mask is not None:
            embedder = cast(ImageTargetEmbedder | AudioTargetEmbedder, model.target_embedder(name))
            counts[name] = int(embedder.cells(mask).sum())
    return counts


def _choose_trained(model: UnifiedIO, config: TrainingConfig) -> None:
    """VQGANs are never trained, ViTs if asked for, with LoRA its updates alone."""
    model.checkpoint_activations(config.checkpoint_activations)
    if config.lora is not None:
        add_lora(model, LORA_IN, config.lora.rank, config.lora.alpha)
        return
    for name, p in model.named_parameters():
        is_vit = VIT in name
        frozen = any(part in name for part in FROZEN) or (is_vit and not config.train_vit)
        p.requires_grad_(not frozen)


def _cast_trained(learner: Learner) -> None:
    """bfloat16 for what is trained; rotary tables and frozen parts stay as they are."""
    for p in learner.parameters():
        if p.requires_grad:
            p.data = p.data.bfloat16()


Report = Callable[[StepReport], None]


def run(trainer: Trainer, steps: Iterator[Step], folder: Path, report: Report) -> None:
    """Train to the end of the configuration, with a checkpoint every so many steps."""
    config = trainer.config
    while trainer.step < config.steps:
        report(trainer.train_step(next(steps)))
        if trainer.step % config.save_every == 0 or trainer.step == config.steps:
            trainer.save(folder)
