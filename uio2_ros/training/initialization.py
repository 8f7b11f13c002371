"""Weights of a model that starts from nothing, as the original draws them (training.md section 1).

Attention kernels are normal and others truncated normal, of variance 1 / inputs; embeddings have
standard deviation 1 (`nn.Embedding` does that), modality vectors 0.02, gains 1. Location tokens
start as smooth codes of their values, which the original's do not.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from uio2_ros.model.families.unified_io_2.layers import Attention
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.training.location_codes import smooth_locations

TRUNCATED_STD = 0.87962566103423978
"""Of a standard normal distribution cut at +-2: what is drawn is divided by it."""


@torch.no_grad()
def initialize(model: UnifiedIO, locations: range | None = None) -> None:
    """Draw the weights of encoder, decoder, projections and resamplers anew, in place."""
    attention = {
        id(linear)
        for module in model.modules()
        if isinstance(module, Attention)
        for linear in (module.query, module.key, module.value, module.out)
    }
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear) or ".vqgan" in name:
            continue
        std = 1 / math.sqrt(module.in_features)
        if id(module) in attention:
            nn.init.normal_(module.weight, std=std)
        else:
            wide = std / TRUNCATED_STD
            nn.init.trunc_normal_(module.weight, std=wide, a=-2 * wide, b=2 * wide)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if locations is not None:
        smooth_locations(model.text_token_embedder.weight, locations)
