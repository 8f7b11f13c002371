"""Linear layers that hold their weights in the layout that oneDNN reads, for inference on a CPU.

A plain weight is read less well, by few rows above all: packed, a token of a large model takes two
thirds of the time (benchmarks/NOTES.md).
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from uio2_ros.model.products import LARGE, Linear

if TYPE_CHECKING:
    from typing_extensions import Self

ROWS = 16
"""For so many rows weights are laid out; the layout measured as good for 1 and for 771."""
MAPS = Path("/proc/self/maps")
MADV_DONTNEED = 4  # linux/mman.h


class PackedLinear(nn.Module):
    """x (..., I) -> (..., O) as the linear layer it is made of, whose weight it takes over.

    It has no gradients, and stays where it is: a network unpacks itself before it is moved or cast.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight_bytes = linear.weight.nbytes
        self.bias = linear.bias
        self._packed = packed(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        return packed_product(x, self._packed, self.bias)

    def plain(self) -> nn.Linear:
        """The linear layer that it was made of."""
        weight = self._packed.to_dense()
        outputs, inputs = weight.shape
        with torch.device("meta"):  # nothing is made up that is replaced at once
            linear = Linear(inputs, outputs) if self.bias is None else nn.Linear(inputs, outputs)
        linear.weight, linear.bias = nn.Parameter(weight, requires_grad=False), self.bias
        return linear

    def _apply(self, *_: Any, **__: Any) -> Self:
        raise RuntimeError("packed weights neither move nor change dtype: unpack() the network")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are plain."""
        return _itself, (self.plain(),)

    def _save_to_state_dict(
        self, destination: dict[str, Tensor], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self._packed.to_dense()


def _itself(linear: nn.Linear) -> nn.Linear:
    return linear


def packed(weight: Tensor) -> Tensor:
    """A weight (O, I) in oneDNN's layout, an opaque tensor."""
    laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), ROWS)
    return laid_out


def packed_product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I) by a packed weight (O, I) -> (..., O), as `F.linear`."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return y


def pack_linears(parts: Iterable[nn.Module], *, few_rows: bool) -> None:
    """Replace the linear layers inside modules for which it is faster, one after another, in place;
    so that no weight is there twice, those that are mapped from a file leave the process.

    few_rows: of the inputs. AMX, which reads plain weights as fast, is left alone, and so are small
    float32 weights, where a call takes longer than it saves.
    """
    if not (_packs_few_rows() if few_rows else _packs_many_rows()):
        return
    found = [
        (owner, name, child)
        for part in parts
        for owner in part.modules()
        for name, child in owner.named_children()
        if isinstance(child, nn.Linear)
        and (is_worth(child.weight) if few_rows else _can_be_packed(child.weight))
    ]
    mapped = _mapped_files()
    while found:
        owner, name, linear = found.pop()
        setattr(owner, name, PackedLinear(linear))
        _leave(mapped, linear.weight)


def unpack_linears(module: nn.Module) -> None:
    """Replace the packed layers inside a module by plain ones, in place."""
    for name, child in module.named_children():
        if isinstance(child, PackedLinear):
            setattr(module, name, child.plain())
        else:
            unpack_linears(child)


def is_worth(weight: Tensor) -> bool:
    """Whether few rows by this weight are faster where it is packed."""
    is_large = weight.dtype == torch.bfloat16 or weight.numel() >= LARGE
    return is_large and _packs_few_rows() and _can_be_packed(weight)


def _can_be_packed(weight: Tensor) -> bool:
    """Whether oneDNN has this CPU's products of the dtype."""
    if weight.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype == torch.float32


@cache
def _packs_few_rows() -> bool:
    has_kernels = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]
        torch.ops.mkldnn, "_reorder_linear_weight"
    )
    return has_kernels and _cpu_has("avx2") and not _cpu_has("amx_tile")


@cache
def _packs_many_rows() -> bool:
    return _packs_few_rows() and _cpu_has("avx512")


def _cpu_has(feature: str) -> bool:
    supported = getattr(torch.cpu, f"_is_{feature}_supported", None)  # torch 2.6 and newer
    return supported is not None and bool(supported())


def _mapped_files() -> list[range]:
    """The addresses of this process that are a file's, not its own memory; [] where none tells."""
    if not MAPS.exists():
        return []
    lines = [line.split() for line in MAPS.read_text(encoding="utf-8").splitlines()]
    places = [addresses.split("-") for addresses, _, _, _, inode, *_ in lines if inode != "0"]
    return [range(int(first, 16), int(end, 16)) for first, end in places]


def _leave(mapped: Sequence[range], weight: Tensor) -> None:
    """Leave the pages of a mapped weight that nobody reads any more to the system's page cache."""
    first = -(-weight.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (weight.data_ptr() + weight.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if first < end and any(first in one and end - 1 in one for one in mapped):
        libc = ctypes.CDLL(None)
        libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), MADV_DONTNEED)
