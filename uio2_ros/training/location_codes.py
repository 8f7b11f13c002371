"""Location tokens that know their order: smooth embeddings, and soft targets over neighbours.

A table of random location embeddings has to learn from examples that bin 500 is beside bin 501.
Random Fourier features of a bin's value (arXiv 2006.10739) say so from the start.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LOWEST_HZ, HIGHEST_HZ = 0.25, 32.0
"""Frequencies of the codes, in periods over the whole range."""
SIGMA_BINS = 4.0
REACH_SIGMAS = 3


def fourier_codes(count: int, width: int) -> Tensor:
    """(count, width) of mean square 1: near values have near codes, at scales from coarse to fine.

    Frequencies are spread evenly over their logarithm.
    """
    drawn = torch.Generator().manual_seed(0)
    span = torch.rand(width // 2, generator=drawn) * math.log(HIGHEST_HZ / LOWEST_HZ)
    phase = torch.rand(width // 2, generator=drawn)
    turns = torch.linspace(0, 1, count)[:, None] * LOWEST_HZ * span.exp() + phase
    return math.sqrt(2) * torch.cat([(math.tau * turns).cos(), (math.tau * turns).sin()], dim=1)


@torch.no_grad()
def smooth_locations(embedding: Tensor, location_ids: range) -> None:
    """Give the location rows of a token table (V, E) their codes; ids descend with the value."""
    codes = fourier_codes(len(location_ids), embedding.shape[1]).flip(0)
    embedding[location_ids.start : location_ids.stop] = codes.to(embedding)


def neighbours(targets: Tensor, locations: range, sigma: float) -> tuple[Tensor, Tensor]:
    """Ids (K, R) that share the place of targets (K,), and their weights, which sum to 1.

    Location tokens share theirs with the neighbouring bins by a Gaussian, cut at the ends of the
    range; all others are alone.
    """
    reach = math.ceil(REACH_SIGMAS * sigma)
    steps = torch.arange(-reach, reach + 1, device=targets.device)  # (R,)
    near = targets[:, None] + steps  # (K, R)
    gaussian = (-(steps / sigma).square() / 2).exp()
    is_location = (targets >= locations.start) & (targets < locations.stop)
    alone = (steps == 0) & ~is_location[:, None]
    among = (near >= locations.start) & (near < locations.stop) & is_location[:, None]
    weight = gaussian * among + alone
    return near.where(weight > 0, targets[:, None]), weight / weight.sum(-1, keepdim=True)


def soft_cross_entropy(logits: Tensor, bins: Tensor, sigma: float = SIGMA_BINS) -> Tensor:
    """(K,) of logits (K, N) over bins, for bins (K,) known to within sigma of them.

    The entropy of the target is not subtracted.
    """
    near, weight = neighbours(bins, range(logits.shape[1]), sigma)
    return -(weight * F.log_softmax(logits, dim=-1).gather(1, near)).sum(-1)
