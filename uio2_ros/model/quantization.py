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
    exact = weight.detach().float()
    largest = torch.linalg.vector_norm(exact, ord=torch.inf, dim=1)  # (O,)
    scale = largest.clamp_(min=torch.finfo(torch.float32).tiny) / LARGEST
    integers = exact.div(scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
    return integers.to(torch.int8), scale


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
