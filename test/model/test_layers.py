"""Norms and attention: float32 where it matters, masks, shared keys and values."""

from __future__ import annotations

import math

import pytest
import torch

from uio2_ros.model.families.unified_io_2 import layers
from uio2_ros.model.families.unified_io_2.layers import (
    Attention,
    KeysValues,
    RMSNorm,
    attention,
    scaled_cosine_attention,
    split_heads,
)


def test_rms_norm_keeps_float32_statistics_in_bfloat16() -> None:
    norm, x = RMSNorm(4096).bfloat16(), torch.randn(8, 4096).bfloat16() * 100
    exact = x.double() / x.double().square().mean(-1, keepdim=True).sqrt()
    assert ((norm(x).double() - exact).abs() <= 2**-8 * exact.abs() + 1e-6).all()


def test_split_heads_keeps_channels_of_a_head_together() -> None:
    x = torch.arange(24).view(1, 2, 12)
    assert split_heads(x, 3)[0, 1].tolist() == [[4, 5, 6, 7], [16, 17, 18, 19]]


def test_masked_keys_have_no_influence() -> None:
    torch.manual_seed(0)
    layer = Attention(16, 2, qk_norm=True)
    x, context = torch.randn(1, 3, 16), torch.randn(1, 5, 16)
    mask = torch.tensor([True, True, True, False, False])[None, None, None]
    query = layer.project_query(x)
    seen = layer.attend(query, layer.project_keys_values(context), mask)
    shorter = layer.attend(query, layer.project_keys_values(context[:, :3]))
    torch.testing.assert_close(seen, shorter)


def test_scaled_cosine_attention_ignores_lengths_and_clamps_its_scale() -> None:
    torch.manual_seed(0)
    query, keys, values = torch.randn(3, 1, 2, 4, 8).unbind(0)
    scale = torch.tensor([math.log(10.0), 50.0])
    mixed = scaled_cosine_attention(query, KeysValues(keys, values), scale, None)
    longer = scaled_cosine_attention(3 * query, KeysValues(7 * keys, values), scale, None)
    torch.testing.assert_close(mixed, longer)
    cosine = torch.nn.functional.cosine_similarity(query[:, :, :, None], keys[:, :, None], dim=-1)
    factor = torch.tensor([10.0, 100.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(mixed, (cosine * factor).softmax(-1) @ values)


@pytest.mark.parametrize("masked", [True, False])
def test_a_lone_query_in_bfloat16_is_attended_for_as_others_are(masked: bool) -> None:
    torch.manual_seed(0)
    query = torch.randn(2, 3, 1, 16).bfloat16()
    keys, values = torch.randn(2, 2, 3, 70, 16).bfloat16()
    mask = torch.rand(2, 1, 1, 70) < 0.5 if masked else None
    exact = attention(query.float(), keys.float(), values.float(), mask)
    found = attention(query, keys, values, mask)
    assert layers._is_lone_query(query)
    assert not layers._is_lone_query(query.repeat(1, 1, 2, 1))
    assert not layers._is_lone_query(query.float())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, rtol=0.02, atol=0.02)


def test_a_lone_query_in_bfloat16_does_not_see_padding() -> None:
    torch.manual_seed(0)
    query = torch.randn(1, 2, 1, 32).bfloat16()
    keys, values = torch.randn(2, 1, 2, 100, 32).bfloat16()
    alone = attention(query, keys, values, None)
    wide = [torch.cat([one, torch.ones(1, 2, 100, 32).bfloat16()], dim=2) for one in (keys, values)]
    padded = attention(query, wide[0], wide[1], torch.arange(200)[None, None, None] < 100)
    assert (padded - alone).abs().max() <= 2**-10
    assert (
        not attention(query, keys, values, torch.zeros(1, 1, 1, 100, dtype=torch.bool))
        .isnan()
        .any()
    )
