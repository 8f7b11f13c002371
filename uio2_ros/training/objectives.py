"""What is learnt in a step: answers, or what patches show. The trainer is the same for both.

An objective counts what its losses are means over, so that a step may be cut into micro-batches
and shared by ranks without a change of its gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, TypeAlias, cast

import torch
from torch import Tensor, nn

from uio2_ros.model.example import Batch, PatchBatch
from uio2_ros.model.families.unified_io_2.inputs import PatchEmbedder
from uio2_ros.model.families.unified_io_2.targets import AudioTargetEmbedder, ImageTargetEmbedder
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.model.families.unified_io_2.vocabulary import END_ID
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.training.config import LossOptions, TrainingConfig
from uio2_ros.training.dense import DenseBatch, DenseHeads, dense_scores
from uio2_ros.training.grounding import GroundingHead, stacked_marks
from uio2_ros.training.lora import add_lora
from uio2_ros.training.loss import LossSettings, training_loss
from uio2_ros.training.vqgan_batches import VQGANBatch

LORA_IN = ("encoder", "decoder")
EXAMPLES = "examples"
"""The count of examples, which losses that are means over them are divided by."""

StepBatch: TypeAlias = Batch | DenseBatch | VQGANBatch
"""What objectives take, each its own kind."""
Losses = tuple[Tensor, dict[str, Tensor]]
"""What is minimised, and numbers to log that add up over micro-batches and ranks."""


class Objective(Protocol):
    """A module that holds the model and what is read from it in training only."""

    @property
    def model(self) -> PretrainedModel:
        """What is trained."""

    def counts(self, batch: StepBatch) -> dict[str, int]:
        """What the losses of a batch are means over."""

    def __call__(self, batch: StepBatch, counts: Mapping[str, float]) -> Losses:
        """The losses of a part of a step, whose counts are those of the whole."""


class AnswerObjective(nn.Module):
    """Target texts, pictures and sounds by teacher forcing, and grounding where it is known."""

    def __init__(
        self, model: UnifiedIO, config: TrainingConfig, locations: range | None = None
    ) -> None:
        super().__init__()
        self.model = choose_trained(model.train(), config)
        options = config.loss
        grounded = options.grounding > 0
        self.grounding_head = GroundingHead(model.config.t5_config.emb_dim) if grounded else None
        self._grounding_weight = options.grounding
        self._dynamic_masking = config.dynamic_masking
        self._loss = _loss_settings(options, locations)
        self._misread, self._locations = options.misread, locations
        self._encoded: Tensor | None = None
        if grounded:
            model.encoder.register_forward_hook(self._keep)

    def counts(self, batch: StepBatch) -> dict[str, int]:
        assert isinstance(batch, Batch)
        return {**target_counts(self.model, batch), EXAMPLES: len(batch.text)}

    def forward(self, batch: StepBatch, counts: Mapping[str, float]) -> Losses:
        assert isinstance(batch, Batch)
        if self._misread and batch.text_target is not None:
            read = misread(batch.text_target, self._misread, self._locations)
            batch = replace(batch, text_target_read=read)
        outputs = self.model(batch, dynamic_masking=self._dynamic_masking)
        loss = training_loss(outputs, self._loss, counts)
        parts = loss.modalities.items()
        report = {name: part.total.detach() for name, part in parts}
        report |= {f"{name} accuracy": part.accuracy for name, part in parts}
        total = loss.total
        grounding = self._ground(batch)
        if grounding is not None:
            share = grounding * (len(batch.text) / counts[EXAMPLES])
            total, report["grounding"] = total + self._grounding_weight * share, share.detach()
        return total, report

    def _ground(self, batch: Batch) -> Tensor | None:
        marks = None if self.grounding_head is None else stacked_marks(batch.examples)
        if self.grounding_head is None or marks is None or batch.rows is not None:
            return None
        assert self._encoded is not None
        first = batch.text.shape[1]
        patches = self._encoded[:, first : first + marks[0].shape[1]]
        return self.grounding_head.loss(patches, *(one.to(patches.device) for one in marks))

    def _keep(self, _module: nn.Module, _inputs: object, hidden: Tensor) -> None:
        self._encoded = hidden


class DenseObjective(nn.Module):
    """What the image ViT's patches show, from dense truth; nothing else of the model is trained."""

    def __init__(self, model: UnifiedIO) -> None:
        super().__init__()
        self.model = model.train()
        for p in model.parameters():
            p.requires_grad_(False)
        self._embedder = cast(PatchEmbedder, model.input_embedders["image"])
        for p in self._embedder.parameters():
            p.requires_grad_(True)
        self.dense_head = DenseHeads(model.config.t5_config.emb_dim)

    def counts(self, batch: StepBatch) -> dict[str, int]:
        assert isinstance(batch, DenseBatch)
        return {EXAMPLES: len(batch.patches)}

    def forward(self, batch: StepBatch, counts: Mapping[str, float]) -> Losses:
        assert isinstance(batch, DenseBatch)
        patches = batch.patches.to(self._embedder.vit.embedding.weight.dtype)
        inputs = PatchBatch(patches, batch.mask, batch.positions)
        tokens = self._embedder(inputs, False).embed
        scores = dense_scores(self.dense_head, tokens, batch, self._embedder.grid[1])
        share = len(batch.patches) / counts[EXAMPLES]
        return scores.loss * share, {
            name: torch.as_tensor(value).detach() * share for name, value in vars(scores).items()
        }


def misread(target: Tensor, share: float, locations: range | None) -> Tensor:
    """Target texts (B, L) of which a share of the words is replaced by others of the batch.

    Locations, the end and padding stay. Equal targets are misread equally, so that a resumed run
    goes on as it would have.
    """
    word = target > END_ID
    if locations is not None:
        word &= (target < locations.start) | (target >= locations.stop)
    generator = torch.Generator().manual_seed(int((target * _mixing(target)).sum()))
    words = target[word].cpu()
    wrong = torch.rand(len(words), generator=generator) < share
    others = words[torch.randperm(len(words), generator=generator)]
    read = target.clone()
    read[word] = torch.where(wrong, others, words).to(target.device)
    return read


def _mixing(target: Tensor) -> Tensor:
    """Odd numbers that tell the order of tokens apart in a sum."""
    return torch.arange(1, 2 * target.numel(), 2, device=target.device).view_as(target)


def choose_trained(model: UnifiedIO, config: TrainingConfig) -> UnifiedIO:
    """VQGANs are never trained, ViTs if asked for, with LoRA its updates alone."""
    model.checkpoint_activations(config.checkpoint_activations)
    if config.lora is not None:
        add_lora(model, LORA_IN, config.lora.rank, config.lora.alpha)
        return model
    for name, p in model.named_parameters():
        p.requires_grad_(".vqgan." not in name and (config.train_vit or ".vit." not in name))
    return model


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


def _loss_settings(options: LossOptions, locations: range | None) -> LossSettings:
    soft = options.soft_locations > 0
    return LossSettings(
        z_loss=options.z_loss,
        label_smoothing=options.label_smoothing,
        locations=locations if soft else None,
        location_sigma=options.soft_locations if soft else 1.0,
    )
