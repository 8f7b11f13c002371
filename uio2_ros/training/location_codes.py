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


def fourier_codes(count: int, width: int, seed: int = 0) -> Tensor:
    """(count, width) of mean square 1: near values have near codes, at scales from coarse to fine.

    Frequencies are spread evenly over their logarithm.
    """
    drawn = torch.Generator().manual_seed(seed)
    span = torch.rand(width // 2, generator=drawn) * math.log(HIGHEST_HZ / LOWEST_HZ)
    phase = torch.rand(width // 2, generator=drawn)
    turns = torch.linspace(0, 1, count)[:, None] * LOWEST_HZ * span.exp() + phase
    return math.sqrt(2) * torch.cat([(math.tau * turns).cos(), (math.tau * turns).sin()], dim=1)


@torch.no_grad()
def smooth_locations(embedding: Tensor, location_ids: range) -> None:
    """Give the location rows of a token table (V, E) their codes; ids descend with the value."""
    codes = fourier_codes(len(location_ids), embedding.shape[1]).flip(0)
    embedding[location_ids.start : location_ids.stop] = codes.to(embedding)


def soft_cross_entropy(logits: Tensor, bins: Tensor, sigma: float = SIGMA_BINS) -> Tensor:
    """(K,) of logits (K, N) over consecutive bins, for bins (K,) known to within sigma of them.

    The target is a Gaussian over the neighbouring bins, cut at the ends; its entropy is not
    subtracted.
    """
    reach = math.ceil(REACH_SIGMAS * sigma)
    steps = torch.arange(-reach, reach + 1, device=bins.device)  # (R,)
    near = bins[:, None] + steps  # (K, R)
    weight = (-(steps / sigma).square() / 2).exp() * ((near >= 0) & (near < logits.shape[1]))
    weight = weight / weight.sum(-1, keepdim=True)
    log_p = F.log_softmax(logits, dim=-1)
    return -(weight * log_p.gather(1, near.clamp(0, logits.shape[1] - 1))).sum(-1)
