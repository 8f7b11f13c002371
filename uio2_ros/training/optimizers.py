"""Optimisers: Muon for matrices beside AdamW, and Adafactor as the released models were trained.

`MasterWeights` steps float32 copies of a bfloat16 model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
OUTER = ("token_embedder", "embedding", "_head")
"""In names of matrices that Muon is not for: tables, the first layer and the last."""
FACTORED_FROM = 128
"""Adafactor keeps rows and columns only where the smaller of the two longest sides has so many."""


def orthogonalized(matrices: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """The nearest semi-orthogonal matrices (N, R, C), roughly, by Newton-Schulz in `dtype`."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.to(dtype)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result


class Muon(Optimizer):
    """Momentum, orthogonalised (Jordan et al., 2024). For matrices inside a network only.

    bfloat16 is exact enough to orthogonalise in, and slow where a CPU has no instructions for it.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update; matrices of equal shape are orthogonalised together."""
        assert closure is None, "the gradient is there already"
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append(p)
            for shape, matrices in alike.items():
                moved = [self._momentum(p, group["momentum"]) for p in matrices]
                scale = group["lr"] * math.sqrt(max(1.0, shape[0] / shape[1]))
                updates = orthogonalized(torch.stack(moved), self._dtype)
                for p, update in zip(matrices, updates, strict=True):
                    p.add_(update.to(p.dtype), alpha=-scale)

    def _momentum(self, p: Tensor, beta: float) -> Tensor:
        state: dict[str, Any] = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        assert p.grad is not None
        state["momentum"].lerp_(p.grad, 1 - beta)
        return p.grad.lerp(state["momentum"], beta)


class Adafactor(Optimizer):
    """Adafactor as T5X has it, with momentum (training.md: decay 1 - k^-0.8, update clipping).

    lr is multiplied by the root mean square of each parameter. Momentum is that of updates.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        *,
        beta1: float = 0.9,
        decay: float = 0.8,
        clip: float = 1.0,
        epsilon_gradient: float = 1e-30,
        epsilon_scale: float = 1e-3,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {
            "lr": lr,
            "beta1": beta1,
            "decay": decay,
            "clip": clip,
            "epsilon_gradient": epsilon_gradient,
            "epsilon_scale": epsilon_scale,
            "weight_decay": weight_decay,
        }
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        assert closure is None, "the gradient is there already"
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, p.grad.float(), group)

    def _update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state: dict[str, Any] = self.state[p]
        if not state:
            state["step"] = torch.zeros(())
            state["momentum"] = torch.zeros_like(p, dtype=torch.float32)
        state["step"] += 1
        beta2 = 1.0 - float(state["step"]) ** -group["decay"]
        square = gradient.square() + group["epsilon_gradient"]
        update = gradient * _second_moment(state, square, beta2).rsqrt()
        update /= (_rms(update) / group["clip"]).clamp(min=1.0)
        update *= group["lr"] * _rms(p).clamp(min=group["epsilon_scale"])
        state["momentum"].mul_(group["beta1"]).add_(update, alpha=1 - group["beta1"])
        p.mul_(1 - group["weight_decay"]).sub_(state["momentum"].to(p.dtype))


def _second_moment(state: dict[str, Any], square: Tensor, beta2: float) -> Tensor:
    """The running mean of squares, as rows and columns of the two longest sides if they are long"""
    sides = sorted(range(square.ndim), key=lambda side: square.shape[side])[-2:]
    if len(sides) < 2 or square.shape[sides[0]] < FACTORED_FROM:
        return _running(state, "square", square, beta2)
    across, along = sorted(sides)
    rows = _running(state, "rows", square.mean(along, keepdim=True), beta2)
    columns = _running(state, "columns", square.mean(across, keepdim=True), beta2)
    return rows / rows.mean(across, keepdim=True) * columns


def _running(state: dict[str, Any], name: str, value: Tensor, beta: float) -> Tensor:
    if name not in state:
        state[name] = torch.zeros_like(value)
    mean: Tensor = state[name].lerp_(value, 1 - beta)
    return mean


def _rms(x: Tensor) -> Tensor:
    return x.float().square().mean().sqrt()


class MasterWeights:
    """Float32 copies of a model's trained parameters: they are stepped, and the model follows.

    A model in bfloat16 runs forward and backward in bfloat16 throughout; updates smaller than its
    precision are kept here. For a float32 model the copies are the parameters themselves.
    """

    def __init__(self, model: nn.Module) -> None:
        trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._model = [p for _, p in trained]
        self.named = {
            name: p if p.dtype == torch.float32 else nn.Parameter(p.detach().float())
            for name, p in trained
        }

    def take_gradients(self) -> None:
        """Move the model's gradients here."""
        for p, master in zip(self._model, self.named.values(), strict=True):
            if master is not p:
                master.grad = None if p.grad is None else p.grad.float()
                p.grad = None

    @torch.no_grad()
    def give_weights(self) -> None:
        """Copy the weights to the model."""
        for p, master in zip(self._model, self.named.values(), strict=True):
            if master is not p:
                p.copy_(master)


def muon_with_adamw(
    named: Iterable[tuple[str, Tensor]],
    *,
    muon_lr: float,
    adamw_lr: float,
    weight_decay: float = 0.0,
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[Optimizer, Optimizer]:
    """Muon for matrices inside the network, AdamW for embeddings, heads, gains and biases."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, p in named:
        inner = p.ndim == 2 and not any(part in name for part in OUTER)
        (matrices if inner else others).append(p)
    adamw = torch.optim.AdamW(others, lr=adamw_lr, betas=(0.9, 0.95), weight_decay=weight_decay)
    return Muon(matrices, lr=muon_lr, dtype=dtype), adamw
