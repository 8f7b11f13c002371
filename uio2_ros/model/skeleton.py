"""A network without weights, for a checkpoint to fill: nothing is allocated, nothing drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.full})


@contextmanager
def without_weights() -> Iterator[None]:
    """Modules made in here have parameters on the meta device, and their values are not drawn.

    Drawing values that do not exist takes no memory, but torch then imports its compiler, which
    takes longer than reading a checkpoint. What is made for a device by name stays there.
    """
    with _Weightless():
        yield


class _Weightless(TorchFunctionMode):
    """Makes tensors on the meta device; functions of `torch.nn.init` leave theirs alone."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in FACTORIES and named.get("device") is None:
            return func(*args, **{**named, "device": "meta"})
        if getattr(func, "__module__", None) == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)
