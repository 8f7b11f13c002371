"""Synthetic weights: the same on every machine, with the scale that each kind of tensor needs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from uio2_ros.model import UnifiedIO, synthetic_tensor


@pytest.mark.parametrize(
    ("name", "shape", "mean", "deviation"),
    [
        ("encoder.layers_0.attention.query.weight", (400, 100), 0.0, 0.1),
        ("text_token_embedder.weight", (400, 100), 0.0, 0.5),
        ("a.quantize.embedding.weight", (400, 100), 0.0, 1.0),
        ("a.resampler.perceiver.latents", (400, 100), 0.0, 1.0),
        ("a.positional_embedding", (400, 100), 0.0, 0.1),
        ("a.conv.weight", (400, 4, 5, 5), 0.0, 0.1),
        ("a.conv_transpose.weight", (100, 16, 5, 5), 0.0, 0.1),
        ("a.out_proj.bias", (40000,), 0.0, 0.1),
        ("a.norm.scale", (40000,), 1.0, 0.1),
        ("a.ln_1.weight", (40000,), 1.0, 0.1),
        ("a.logit_scale", (40000,), math.log(10), 0.1),
    ],
)
def test_scale_follows_the_kind_of_tensor(
    name: str, shape: tuple[int, ...], mean: float, deviation: float
) -> None:
    values = synthetic_tensor(name, shape)
    assert values.shape == shape
    assert values.dtype == torch.float32
    assert values.mean().item() == pytest.approx(mean, abs=0.03 * deviation)
    assert values.std().item() == pytest.approx(deviation, rel=0.03)


def test_values_depend_on_the_name_alone() -> None:
    first, again = (synthetic_tensor("a.weight", (3, 4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not torch.equal(first, synthetic_tensor("b.weight", (3, 4)))


def test_values_are_fixed_forever() -> None:
    np.testing.assert_allclose(
        synthetic_tensor("text_token_embedder.weight", (33280, 128))[0, :3],
        [0.61084086, 0.23897243, 0.6039418],
        rtol=1e-6,
    )


def test_a_synthetic_model_holds_the_tensor_of_each_official_name(model: UnifiedIO) -> None:
    state = model.official_state_dict()
    for name in ("encoder.layers_1.mlp.wi_0.weight", "target_embedders.text.modality_embedding"):
        torch.testing.assert_close(state[name], synthetic_tensor(name, tuple(state[name].shape)))
