"""Products of a few rows with large weights, whose time is that of reading the weights. torch only.

oneDNN reads a bfloat16 weight once in either order of the factors, but a third to a half faster
where the weight comes first (benchmarks/NOTES.md). What is computed is the same but for rounding.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW_ROWS = 128
"""Up to so many rows it measured faster; for 256 and more the other order does."""
LARGE = 2**19
"""Elements of a weight beyond which it does not stay in a core's cache."""


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., I) by a weight (O, I) -> (..., O), as `F.linear`."""
    if not _weight_first(x, weight):
        return F.linear(x, weight)
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:
        return torch.mv(weight, rows[0]).view(*x.shape[:-1], len(weight))
    return torch.mm(weight, rows.t()).t().contiguous().view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """A linear layer without bias that is quick for a few rows, too."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return product(x, self.weight)


def _weight_first(x: Tensor, weight: Tensor) -> bool:
    return (
        weight.dtype == x.dtype == torch.bfloat16
        and weight.numel() >= LARGE
        and x.numel() <= FEW_ROWS * x.shape[-1]
        and weight.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and _multiplies_bfloat16()
    )


@cache
def _multiplies_bfloat16() -> bool:
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch 2.6 and newer
    return supported is not None and bool(supported())
