"""Linear layers that hold their weights as int8, for inference in less memory.

Weights only, symmetric, one scale per output channel: the layer multiplies by the integers in the
dtype of its input and scales what comes out, so it runs wherever torch runs. Embeddings, norms,
resamplers, ViTs and VQGANs stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

QUANTIZATIONS = ("int8",)
LARGEST = 127  # of the integers; -128 is not used, so that the range is symmetric
BLOCK = 2**18  # weights quantised at a time: what they need as float32 stays in the cache


class QuantizedLinear(nn.Module):
    """x (..., I) -> (..., O) by an int8 weight (O, I) and a float32 scale (O,); without bias."""

    weight: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        assert weight.dtype == torch.int8
        assert scale.shape == weight.shape[:1]
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        return (F.linear(x, self.weight.to(x.dtype)) * self.scale).to(x.dtype)


def quantize_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest integers (O, I) int8 and scales (O,) float32 of a weight (O, I)."""
    integers = torch.empty_like(weight, dtype=torch.int8)
    scale = torch.empty_like(weight[:, 0], dtype=torch.float32)
    rows = max(1, BLOCK // weight.shape[1])
    exact = torch.empty_like(weight[:rows], dtype=torch.float32)  # once: fresh pages are slow
    for first in range(0, len(weight), rows):
        block = slice(first, first + rows)
        part = weight[block].detach()
        _quantize_rows(exact[: len(part)].copy_(part), integers[block], scale[block])
    return integers, scale


def _quantize_rows(exact: Tensor, integers: Tensor, scale: Tensor) -> None:
    """Fill in the integers and scales of some rows of a float32 weight, which is used up."""
    largest = torch.maximum(exact.amax(1), -exact.amin(1))  # without room for absolute values
    scale.copy_(largest / LARGEST).clamp_(min=torch.finfo(torch.float32).tiny)
    integers.copy_(exact.div_(scale[:, None]).round_())


def quantize_linears(module: nn.Module) -> None:
    """Replace every linear layer inside `module`, one after another, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            assert set(child.state_dict()) == {"weight"}, "the transformer has no biases"
            setattr(module, name, QuantizedLinear(*quantize_weight(child.weight)))
        else:
            quantize_linears(child)


def check_quantization(kind: str | None) -> None:
    """ValueError for a quantisation that does not exist."""
    if kind is not None and kind not in QUANTIZATIONS:
        raise ValueError(
            f"quantize={kind!r} is not supported: give {', '.join(map(repr, QUANTIZATIONS))}, "
            "or None to keep the weights as they are"
        )
