"""VQGANs learn to draw what they are shown from codes: those of pictures and of sound.

In the original both came trained. Minimised are the absolute and squared error of what is drawn,
and van den Oord et al. 2017's distances between codes and what chose them, with the gradient of
what is drawn passed straight through the choice. Codes that nothing chooses are put where something
is. Letters of shapes: B examples, N vectors, D their channels, K codes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.image_vqgan import Codebook
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.training.config import VQGANOptions
from uio2_ros.training.objectives import EXAMPLES, Losses, StepBatch
from uio2_ros.training.vqgan_batches import VQGANBatch

VALUES = "values"
"""The count of numbers that are drawn and known."""
RESTARTED = 1 / 8
"""Of the vectors of a batch, how many take over a code at most."""
SPREAD = 0.01
"""Of the deviation of the first vectors: how far from them the first codes are."""


class CodeRestart(nn.Module):
    """Remembers when each code was last chosen, and moves those that were not for `patience` calls.

    Its buffers are saved with a run. Ranks share what they see, so that all have the same codes.
    """

    idle: Tensor  # (K,) calls since the code was chosen
    calls: Tensor  # ()

    def __init__(self, codes: int, patience: int, *, new: bool) -> None:
        super().__init__()
        self._patience = patience
        self.register_buffer("idle", torch.full((codes,), float(patience if new else 0)))
        self.register_buffer("calls", torch.zeros(()))

    @torch.no_grad()
    def move(self, codebook: Codebook, vectors: Tensor) -> None:
        """Put idle codes on some of the vectors (N, D); all codes, where none was ever chosen."""
        random = torch.Generator().manual_seed(int(self.calls))
        idle = (self.idle >= self._patience).nonzero()[:, 0].cpu()  # (I,)
        if len(idle) == len(self.idle):
            some = torch.randint(len(vectors), (len(idle),), generator=random)
            noise = torch.randn(len(idle), vectors.shape[1], generator=random).to(vectors)
            placed = vectors[some] + SPREAD * vectors.std() * noise
        else:
            count = min(len(idle), int(RESTARTED * len(vectors)))
            idle = idle[torch.randperm(len(idle), generator=random)[:count]]
            placed = vectors[torch.randperm(len(vectors), generator=random)[:count]]
            self.idle[idle] = 0
        if dist.is_initialized():
            dist.broadcast(placed := placed.contiguous(), 0)
        codebook.embedding.weight[idle] = placed.to(codebook.embedding.weight)

    @torch.no_grad()
    def note(self, codes: Tensor) -> None:
        """That these codes (N,) were chosen."""
        chosen = torch.zeros_like(self.idle)
        chosen[codes] = 1
        if dist.is_initialized():
            dist.all_reduce(chosen, dist.ReduceOp.MAX)
        self.idle.add_(1).mul_(1 - chosen)
        self.calls.add_(1)

    @property
    def in_use(self) -> Tensor:
        """The share of codes that were chosen lately."""
        return (self.idle < self._patience).float().mean()


class VQGANObjective(nn.Module):
    """A VQGAN alone draws what it is shown. new: its codes are still to be placed."""

    def __init__(self, model: TargetVQGAN, options: VQGANOptions, *, new: bool) -> None:
        super().__init__()
        self.model = model.train()
        self._options = options
        codes = model.vqgan.quantize.embedding.num_embeddings
        self.restart = CodeRestart(codes, options.patience, new=new)

    def counts(self, batch: StepBatch) -> dict[str, int]:
        assert isinstance(batch, VQGANBatch)
        known = int(batch.mask.sum()) * batch.values.shape[1]
        return {EXAMPLES: len(batch.values), VALUES: known}

    def forward(self, batch: StepBatch, counts: Mapping[str, float]) -> Losses:
        assert isinstance(batch, VQGANBatch)
        vqgan, options = self.model.vqgan, self._options
        latents = vqgan.latents(batch.values).float()  # (B, ..., D)
        if vqgan.quantize.unit_norm:
            latents = F.normalize(latents, dim=-1)
        vectors = self._nearest(latents)
        drawn = vqgan.draw(latents + (vectors - latents).detach())
        off = (drawn.float() - batch.values) * batch.mask
        absolute, squared = off.abs().sum() / counts[VALUES], off.square().sum() / counts[VALUES]
        share = len(batch.values) / counts[EXAMPLES]
        codes = share * F.mse_loss(vectors, latents.detach())
        commitment = share * F.mse_loss(latents, vectors.detach())
        total = absolute + options.squared * squared + codes + options.commitment * commitment
        report = {"absolute": absolute, "squared": squared, "commitment": commitment}
        report["codes in use"] = share * self.restart.in_use
        return total, {name: value.detach() for name, value in report.items()}

    def _nearest(self, latents: Tensor) -> Tensor:
        """The nearest codes' vectors, of the shape of what chose them."""
        codebook, found = self.model.vqgan.quantize, latents.detach().flatten(0, -2)
        self.restart.move(codebook, found)
        codes = codebook.nearest(found)
        self.restart.note(codes)
        vectors: Tensor = codebook(codes).view_as(latents)
        return vectors
