"""What training minimises: cross-entropy of every target modality, smoothed, with z-loss.

Letters of shapes: B batch, T target tokens, V vocabulary, K tokens that count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from uio2_ros.model.families.unified_io_2.config import TARGET_MODALITIES
from uio2_ros.model.families.unified_io_2.unified_io import TargetLogits
from uio2_ros.training.location_codes import neighbours


@dataclass(frozen=True)
class LossSettings:
    """Settings of `training_loss`.

    z_loss: times log(z) ** 2 is added for each token, z being the sum of the exponential logits;
        keeps logits near normalised log-probabilities, and away from where bfloat16 is coarse.
    label_smoothing: probability shared by all tokens but the target. The entropy this leaves is
        subtracted, so that a perfect model still reaches 0.
    weights: of modalities in the total; 1 where none is given.
    locations: ids of the location tokens, whose targets are then shared with neighbouring bins
        within a few `location_sigma`. Not with label smoothing.
    """

    z_loss: float = 0.0
    label_smoothing: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    locations: range | None = None
    location_sigma: float = 4.0

    def __post_init__(self) -> None:
        if self.z_loss < 0:
            raise ValueError(f"z_loss must be >= 0, got {self.z_loss}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {self.label_smoothing}")
        for name, weight in self.weights.items():
            if weight < 0:
                raise ValueError(f"the weight of {name} must be >= 0, got {weight}")
        if self.locations is not None and self.label_smoothing:
            raise ValueError("locations are softened or labels smoothed, not both")


@dataclass(frozen=True)
class ModalityLoss:
    """Means over the tokens of one modality that count; all 0 where none does."""

    total: Tensor  # () cross-entropy and z-loss, to differentiate
    z_loss: Tensor  # () the part of it that is z-loss, detached
    accuracy: Tensor  # () share of tokens that are the most probable, detached
    tokens: Tensor  # () int64, how many count


@dataclass(frozen=True)
class TrainingLoss:
    """The weighted sum over modalities, and its parts."""

    total: Tensor  # ()
    modalities: Mapping[str, ModalityLoss]


def training_loss(
    outputs: Mapping[str, TargetLogits],
    settings: LossSettings | None = None,
    counts: Mapping[str, float] | None = None,
) -> TrainingLoss:
    """The loss of what `UnifiedIO.forward` gives.

    A modality counts by the mean over its tokens, so that 1,024 tokens of a picture do not drown
    a text. counts: the tokens of each modality over the whole batch, where this is a part of it:
    gradients of the parts then add up to exactly that of the whole. Raises ValueError for no
    modality, for weights of modalities that do not exist and for logits, targets and masks whose
    shapes contradict each other.
    """
    settings = settings or LossSettings()
    if not outputs:
        raise ValueError("there is no modality to train: the batch has no targets")
    hard = replace(settings, locations=None)  # other modalities have no locations
    unknown = sorted(set(settings.weights) - set(TARGET_MODALITIES))
    if unknown:
        raise ValueError(
            f"weights of {', '.join(unknown)}: modalities are {', '.join(TARGET_MODALITIES)}"
        )
    counts = counts or {}
    parts = {
        name: modality_loss(part, settings if name == "text" else hard, counts.get(name))
        for name, part in outputs.items()
    }
    weighted = [settings.weights.get(name, 1.0) * part.total for name, part in parts.items()]
    return TrainingLoss(torch.stack(weighted).sum(), parts)


def modality_loss(
    output: TargetLogits, settings: LossSettings, count_of_all: float | None = None
) -> ModalityLoss:
    """The loss of one modality, over the tokens of its loss mask.

    count_of_all: what the sums are divided by, where it is not the number of these tokens.
    """
    _check_shapes(output)
    logits = output.logits[output.loss_mask].float()  # (K, V)
    targets = output.targets[output.loss_mask]  # (K,)
    count = targets.new_tensor(len(targets))
    mean = 1.0 / max(len(targets) if count_of_all is None else count_of_all, 1)
    log_z = logits.logsumexp(-1)  # (K,)
    z_loss = settings.z_loss * log_z.square()
    if settings.locations is None:
        losses = smoothed_cross_entropy(logits, log_z, targets, settings.label_smoothing) + z_loss
    else:
        near, weight = neighbours(targets, settings.locations, settings.location_sigma)  # (K, R)
        losses = log_z - (weight * logits.gather(-1, near)).sum(-1) + z_loss
    hits = logits.detach().argmax(-1) == targets
    return ModalityLoss(
        total=losses.sum() * mean,
        z_loss=z_loss.detach().sum() * mean,
        accuracy=hits.sum() * mean,
        tokens=count,
    )


def smoothed_cross_entropy(
    logits: Tensor, log_z: Tensor, targets: Tensor, smoothing: float
) -> Tensor:
    """(K,) of logits (K, V), their log-sum-exp (K,) and targets (K,), less the least possible."""
    target_logits = logits.gather(-1, targets[:, None])[:, 0]
    if smoothing == 0:
        return log_z - target_logits
    others = logits.shape[-1] - 1
    other_logits = (logits.sum(-1) - target_logits) / others  # the mean of the others
    confidence = 1 - smoothing
    losses = log_z - confidence * target_logits - smoothing * other_logits
    entropy = -confidence * math.log(confidence) - smoothing * math.log(smoothing / others)
    return losses - entropy


def _check_shapes(output: TargetLogits) -> None:
    logits, targets, mask = output
    if logits.ndim != 3 or logits.shape[:2] != targets.shape or targets.shape != mask.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, targets {tuple(targets.shape)} and loss mask "
            f"{tuple(mask.shape)} must be (B, T, V), (B, T) and (B, T)"
        )
