"""Low-rank adaptation (arXiv 2106.09685): small updates of linear layers, merged for inference."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.packing import PackedLinear
from uio2_ros.model.products import Linear


class LoraLinear(nn.Module):
    """A frozen linear layer without bias plus alpha / rank * up(down(x)); begins as the layer."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.weight = linear.weight.requires_grad_(False)
        self.scale = alpha / rank
        self.down = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight) + self.scale * F.linear(F.linear(x, self.down), self.up)

    def merged(self) -> nn.Linear:
        """The layer with its update in its weight."""
        rows, columns = self.weight.shape
        with torch.device("meta"):
            linear = Linear(columns, rows)
        with torch.no_grad():
            linear.weight = nn.Parameter(self.weight + self.scale * self.up @ self.down)
        return linear


def add_lora(model: nn.Module, inside: tuple[str, ...], rank: int, alpha: float) -> int:
    """Freeze a model and give the linear layers of some of its children updates; how many."""
    for p in model.parameters():
        p.requires_grad_(False)
    return sum(_adapt(model.get_submodule(name), rank, alpha) for name in inside)


def _adapt(module: nn.Module, rank: int, alpha: float) -> int:
    count = 0
    for name, child in list(module.named_children()):
        assert not isinstance(child, PackedLinear), "packed for inference: unpack()"
        if isinstance(child, nn.Linear):
            assert set(child.state_dict()) == {"weight"}, "the transformer has no biases"
            setattr(module, name, LoraLinear(child, rank, alpha))
            count += 1
        else:
            count += _adapt(child, rank, alpha)
    return count


def merge_lora(model: nn.Module) -> None:
    """Put every update into its layer's weight, in place: the model is as before, but tuned."""
    for name, child in list(model.named_children()):
        if isinstance(child, LoraLinear):
            setattr(model, name, child.merged())
        else:
            merge_lora(child)
