"""Functions of tensors whose shapes never change, run as CUDA graphs.

A graph launches all kernels of a function at once, so that the host's time for each no longer
counts. It reads and writes the same places of memory every time: what goes in is copied there, and
what comes out is copied from there. On a device without graphs the same function runs on the same
tensors, kernel by kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import torch
from torch import Tensor

from uio2_ros.inference.families.cache import Cache
from uio2_ros.model.transfer import pinned

KEPT_GRAPHS = 160
"""Of an engine. They share one pool of memory, as large as the greediest of them needs."""
WARM_UPS = 2
"""Runs before a capture, in which libraries choose kernels and allocate what they keep."""

logger = logging.getLogger(__name__)

Outputs = tuple[Tensor, ...]
Function = Callable[..., Outputs]


class GraphRecorder(Protocol):
    """Makes graphs of what a call launches."""

    def warm_up(self, run: Callable[[], object]) -> None:
        """Run once or more, where nothing of it is recorded."""

    def record(self, run: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        """What runs it again, and the tensors that it then writes to."""


class CudaRecorder:
    """Graphs of CUDA with one pool of memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, run: Callable[[], object]) -> None:
        """See `GraphRecorder`; on a stream of its own, as capturing asks for."""
        here, aside = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                run()
        here.wait_stream(aside)

    def record(self, run: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        """See `GraphRecorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            outputs = run()
        return graph.replay, outputs


class Graphs:
    """Runs functions, each captured when it is first called with inputs of some shapes.

    A function must do the same whenever its inputs are the same, also twice in a row: a first call
    runs it `WARM_UPS` times more. It may not wait for the device. For one thread.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        most: int = KEPT_GRAPHS,
        recorder: GraphRecorder | None = None,
    ) -> None:
        """recorder: None is CUDA's on a CUDA device and no graphs elsewhere."""
        self._device = device
        self._recorder = recorder
        if recorder is None and device.type == "cuda":
            self._recorder = CudaRecorder(device)
        self._kept: Cache[_Graph] = Cache(most)
        self.problem = ""
        """Why functions run kernel by kernel where they should not; "" while all is well."""

    def __call__(self, function: Function, *inputs: Tensor | Hashable) -> Outputs:
        """`function(*inputs)`, with tensors of any device; the outputs are the caller's.

        Inputs that are no tensors are what the function's shapes depend on, too.
        """
        name = (function, tuple(_shape(one) for one in inputs))
        graph = self._kept.get_or(name, lambda: _Graph(function, inputs, self._device))
        graph.take(inputs)
        if self._recorder is None:
            return graph.run()
        try:
            return graph.replayed(self._recorder)
        except RuntimeError as error:
            if graph.captured or isinstance(error, torch.OutOfMemoryError):
                raise
            self.problem = f"{_title(function)} cannot be captured: {error}"
            logger.error(
                "CUDA graphs are off, and every token and picture takes longer: %s", self.problem
            )
            self._recorder = None
            return graph.run()

    def __len__(self) -> int:
        """Functions and shapes that are kept."""
        return len(self._kept)

    def forget(self) -> None:
        """Keep no graph: tensors that they read are elsewhere now."""
        self._kept.clear()


class _Graph:
    """One function for inputs of certain shapes."""

    def __init__(
        self, function: Function, inputs: tuple[Tensor | Hashable, ...], device: torch.device
    ) -> None:
        self._function = function
        self._held: list[Any] = [
            torch.empty(one.shape, dtype=one.dtype, device=device)
            if isinstance(one, Tensor)
            else one
            for one in inputs
        ]
        self._replay: Callable[[], None] | None = None
        self._outputs: Outputs = ()

    @property
    def captured(self) -> bool:
        return self._replay is not None

    def take(self, inputs: tuple[Tensor | Hashable, ...]) -> None:
        """Copy the inputs to where the function reads them."""
        for held, one in zip(self._held, inputs, strict=True):
            if isinstance(one, Tensor):
                held.copy_(pinned(one, held.device), non_blocking=True)

    def run(self) -> Outputs:
        """Kernel by kernel."""
        return self._function(*self._held)

    def replayed(self, recorder: GraphRecorder) -> Outputs:
        """As a graph, captured if it is not yet. The next replay of any overwrites its outputs,
        so that copies are given."""
        if self._replay is None:
            recorder.warm_up(self.run)
            self._replay, self._outputs = recorder.record(self.run)
        self._replay()
        return tuple(one.clone() for one in self._outputs)


def _shape(one: Tensor | Hashable) -> Hashable:
    return (one.shape, one.dtype) if isinstance(one, Tensor) else one


def _title(function: Function) -> str:
    return getattr(function, "__qualname__", repr(function))
