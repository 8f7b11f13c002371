"""Generations of any modality whose decoder steps are CUDA graphs."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from uio2_ros.inference.family import GenerationState, Network
from uio2_ros.inference.graphed_passes import GraphedPasses, SharedPasses


class StepDecoder(Protocol):
    """The part of a `Network` that generations use."""

    @property
    def device(self) -> torch.device: ...
    def start_id(self, modality: str) -> int: ...
    def prefill(
        self, encoded: Any, max_tokens: int, copies: int = 1, modality: str = "text"
    ) -> GenerationState: ...
    def decode_step(self, state: Any, tokens: Tensor, modality: str = "text") -> Tensor: ...


class GraphedState:
    """See `GenerationState`: rows of one generation, which have the graphs as long as this is."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.passes: GraphedPasses | None = None

    def __len__(self) -> int:
        return self.batch

    def reorder(self, rows: Tensor) -> None:
        """See `GenerationState`."""
        assert self.passes is not None
        self.passes.reorder(rows)


class GraphedSteps:
    """See `Network`: decodes by graphs, or like the network while somebody else uses them."""

    def __init__(self, network: Network, shared: SharedPasses) -> None:
        self._network, self._shared = network, shared
        self.start_id = network.start_id

    @property
    def device(self) -> torch.device:
        """See `Network`."""
        return self._network.device

    def prefill(
        self, encoded: Any, max_tokens: int, copies: int = 1, modality: str = "text"
    ) -> GenerationState:
        """See `Network`."""
        state = GraphedState(len(encoded.hidden) * copies)
        state.passes = self._shared.borrow(state)
        if state.passes is None:
            return self._network.prefill(encoded, max_tokens, copies, modality)
        state.passes.admit(encoded, max_tokens, copies)
        return state

    def decode_step(self, state: Any, tokens: Tensor, modality: str = "text") -> Tensor:
        """See `Network`."""
        if not isinstance(state, GraphedState) or state.passes is None:
            return self._network.decode_step(state, tokens, modality)
        return state.passes.step(tokens, modality)
