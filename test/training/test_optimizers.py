"""Optimisers: against their definitions."""

from __future__ import annotations

import torch
from torch import nn

from uio2_ros.training.optimizers import (
    Adafactor,
    MasterWeights,
    Muon,
    muon_with_adamw,
    orthogonalized,
)


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (2, 40, 16)):
        values = torch.linalg.svdvals(orthogonalized(torch.randn(shape)).float())
        assert ((values > 0.6) & (values < 1.3)).all()


def test_muon_finds_the_least_squares() -> None:
    torch.manual_seed(0)
    x, wanted = torch.randn(64, 8), torch.randn(4, 8)
    w = nn.Parameter(torch.zeros(4, 8))
    optimizer = Muon([w], lr=0.05)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        optimizer.zero_grad()
        (x @ (w - wanted).T).square().mean().backward()
        optimizer.step()
    assert (w - wanted).abs().max() < 0.05


def test_the_first_adafactor_update_is_the_sign_of_the_gradient_times_the_parameters_rms() -> None:
    """At step 1 nothing of the past counts: g / sqrt(g^2), of RMS 1, and momentum 0.1 of it."""
    w = nn.Parameter(torch.full((4, 4), 2.0))
    w.grad = torch.tensor([[1.0, -3.0, 0.5, -0.1]] * 4)
    Adafactor([w], lr=0.1).step()
    torch.testing.assert_close(w.detach(), 2.0 - 0.1 * 0.1 * 2.0 * w.grad.sign())


def test_adafactor_keeps_rows_and_columns_of_large_matrices_only() -> None:
    large, small = nn.Parameter(torch.ones(128, 256)), nn.Parameter(torch.ones(8, 256))
    optimizer = Adafactor([large, small], lr=0.1)
    (large.sum() + small.sum()).backward()
    optimizer.step()
    assert set(optimizer.state[large]) == {"step", "momentum", "rows", "columns"}
    assert optimizer.state[large]["rows"].shape == (128, 1)
    assert set(optimizer.state[small]) == {"step", "momentum", "square"}


def test_updates_too_small_for_bfloat16_add_up_in_the_master_weights() -> None:
    model = nn.Linear(1, 1, bias=False).bfloat16()
    nn.init.ones_(model.weight)
    master = MasterWeights(model)
    optimizer = torch.optim.SGD(master.named.values(), lr=1e-3)
    for _ in range(20):
        model.weight.grad = torch.ones_like(model.weight)
        master.take_gradients()
        optimizer.step()
        master.give_weights()
    assert abs(float(master.named["weight"]) - 0.98) < 1e-6
    assert abs(float(model.weight) - 0.98) < 0.005


def test_embeddings_and_gains_are_left_to_adamw() -> None:
    named = {
        "encoder.layers.0.mlp.wi_0.weight": nn.Parameter(torch.ones(4, 4)),
        "text_token_embedder.weight": nn.Parameter(torch.ones(4, 4)),
        "encoder.encoder_norm.scale": nn.Parameter(torch.ones(4)),
    }
    muon, adamw = muon_with_adamw(named.items(), muon_lr=0.02, adamw_lr=3e-3)
    assert len(muon.param_groups[0]["params"]) == 1
    assert len(adamw.param_groups[0]["params"]) == 2
