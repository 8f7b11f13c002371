"""Linear layers that hold their weights as int8, for inference in less memory and time.

Symmetric, one scale per output channel. On a CPU with instructions for products of int8 (VNNI, AMX)
the inputs become int8 as well, each row with a scale of its own, and oneDNN multiplies integers by
weights in its own layout. Elsewhere the layer multiplies by the integers in the dtype of its input
and scales what comes out. Embeddings, norms, resamplers, ViTs and VQGANs stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from typing_extensions import Self

QUANTIZATIONS = ("int8",)
LARGEST = 127  # of the integers; -128 is not used, so that the range is symmetric
UNSIGNED_ZERO = 128
"""Inputs are given as unsigned integers around it: VNNI multiplies unsigned by signed ones, and
without AMX oneDNN has nothing but a reference, a hundred times slower, for two signed factors."""
SMALLEST = 1e-30  # of a row's largest input, so that zeros have a scale
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

        self.weight_bytes = weight.nbytes
        self._packed: Tensor | None = None  # the weight as oneDNN reads it, instead of `weight`
        self._zeros: Tensor | None = None  # (O,) of its zero points

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and multiplies_integers():
            return self._multiply_integers(x)
        return (F.linear(x, self.weight.to(x.dtype)) * self.scale).to(x.dtype)

    def _multiply_integers(self, x: Tensor) -> Tensor:
        if self._packed is None:
            self._zeros = torch.zeros(len(self.scale), dtype=torch.int32)
            self._packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
            self.weight = self.weight.new_empty(0)
        dtype = x.dtype if x.dtype in (torch.float32, torch.bfloat16) else torch.float32
        step = x.abs().amax(-1, keepdim=True).float().clamp_(min=SMALLEST).div_(LARGEST)
        integers = (x / step).round_().to(torch.int8).bitwise_xor_(-UNSIGNED_ZERO)  # (..., I)
        y: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(integers.view(torch.uint8), 1.0, UNSIGNED_ZERO, self._packed, self.scale),
            self._zeros,
            *(None, 1.0, 0, dtype, "none", [], ""),
        )
        return y.mul_(step).to(x.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Moves to other devices as the plain integers."""
        if self._packed is not None:
            self.weight = self._packed.to_dense().T.contiguous()
            self._packed = None
        return super()._apply(fn, recurse)  # type: ignore[no-any-return, no-untyped-call]


@cache
def multiplies_integers() -> bool:
    """Whether this CPU and this PyTorch multiply int8 without widening it."""
    return (
        torch.cpu._is_vnni_supported()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.onednn, "qlinear_pointwise")
    )


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
    """Replace every linear layer inside `module`, one after another, in place.

    Layers that read the same input become one, where the module names them in `joined`: name of the
    new layer -> names of those whose outputs it gives, one after another.
    """
    joined: Mapping[str, Sequence[str]] = getattr(module, "joined", {})
    for name, parts in joined.items():
        setattr(module, name, _quantized([module.get_submodule(part) for part in parts]))
        for part in parts:
            delattr(module, part)
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, _quantized([child]))
        else:
            quantize_linears(child)


def _quantized(linears: Sequence[nn.Module]) -> QuantizedLinear:
    assert all(set(one.state_dict()) == {"weight"} for one in linears), "there are no biases"
    parts = [quantize_weight(one.get_parameter("weight")) for one in linears]
    integers, scales = zip(*parts, strict=True)
    if len(parts) == 1:
        return QuantizedLinear(integers[0], scales[0])
    return QuantizedLinear(torch.cat(integers), torch.cat(scales))


def check_quantization(kind: str | None) -> None:
    """ValueError for a quantisation that does not exist."""
    if kind is not None and kind not in QUANTIZATIONS:
        raise ValueError(
            f"quantize={kind!r} is not supported: give {', '.join(map(repr, QUANTIZATIONS))}, "
            "or None to keep the weights as they are"
        )
