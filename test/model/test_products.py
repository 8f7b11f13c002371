"""Few rows by a large weight give what `F.linear` gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from uio2_ros.model import products
from uio2_ros.model.products import FEW_ROWS, LARGE, Linear, product

WIDTH = 1024


@pytest.fixture
def weight(monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    monkeypatch.setattr(products, "_multiplies_bfloat16", lambda: True)
    made = torch.Generator().manual_seed(0)
    return torch.randn(LARGE // WIDTH, WIDTH, generator=made).bfloat16()


@pytest.mark.parametrize(
    "shape", [(0, WIDTH), (1, WIDTH), (1, 1, WIDTH), (2, 3, WIDTH), (FEW_ROWS, WIDTH)]
)
def test_the_weight_comes_first_and_the_product_is_the_same(
    weight: torch.Tensor, shape: tuple[int, ...]
) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    with torch.inference_mode():
        assert products._weight_first(x, weight)
        found = product(x, weight)
    wanted = F.linear(x.float(), weight.float())
    assert found.shape == wanted.shape
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous()
    assert ((found.float() - wanted).abs() <= 2**-7 * wanted.abs() + 0.05).all()


def test_many_rows_gradients_small_weights_and_float32_are_left_alone(weight: torch.Tensor) -> None:
    few, many = torch.ones(2, WIDTH).bfloat16(), torch.ones(FEW_ROWS + 1, WIDTH).bfloat16()
    with torch.inference_mode():
        assert products._weight_first(few, weight)
        assert not products._weight_first(many, weight)
        assert not products._weight_first(few, weight[:-1])
        assert not products._weight_first(few.float(), weight.float())
    assert not products._weight_first(few, weight)  # gradients may be wanted


def test_a_layer_learns_as_any_other() -> None:
    layer = Linear(WIDTH, LARGE // WIDTH).bfloat16()
    layer(torch.ones(1, WIDTH).bfloat16()).sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad.float(), torch.ones(LARGE // WIDTH, WIDTH))
