"""Location tokens that know their order."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from uio2_ros.model import TargetLogits
from uio2_ros.training import LossSettings, training_loss
from uio2_ros.training.location_codes import fourier_codes, neighbours, soft_cross_entropy

LOCATIONS = range(10, 30)


def test_codes_are_like_their_neighbours_and_unlike_what_is_far() -> None:
    codes = fourier_codes(1000, 192)
    likeness = codes @ codes[500] / 192
    assert likeness[500] == pytest.approx(1.0)
    assert likeness[502] > 0.9
    assert likeness[500] > likeness[510] > likeness[600].abs()


def test_location_targets_are_shared_with_neighbours_and_words_are_not() -> None:
    near, weight = neighbours(torch.tensor([3, 20, 10]), LOCATIONS, sigma=2.0)
    assert weight.sum(-1).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert near[0][weight[0] > 0].tolist() == [3]
    assert near[1][weight[1] > 0].tolist() == list(range(14, 27))
    assert near[2][weight[2] > 0].tolist() == list(range(10, 17))  # cut at the end of the range


def test_soft_targets_tend_to_hard_ones() -> None:
    logits, bins = torch.randn(5, 20, generator=torch.Generator().manual_seed(0)), torch.arange(5)
    hard = F.cross_entropy(logits, bins, reduction="none")
    torch.testing.assert_close(soft_cross_entropy(logits, bins, sigma=0.01), hard)


def test_the_loss_softens_locations_alone() -> None:
    logits = torch.randn(1, 2, 40, generator=torch.Generator().manual_seed(0))
    targets, mask = torch.tensor([[3, 20]]), torch.ones(1, 2, dtype=torch.bool)
    output = {"text": TargetLogits(logits, targets, mask)}
    soft = training_loss(output, LossSettings(locations=LOCATIONS)).total
    p = F.log_softmax(logits[0], -1)
    near, weight = neighbours(targets[0], LOCATIONS, 4.0)
    wanted = -(p[0, 3] + (weight[1] * p[1, near[1]]).sum()) / 2
    torch.testing.assert_close(soft, wanted)
