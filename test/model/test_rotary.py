"""Rotary positions: turns keep lengths, and products depend on distances alone."""

from __future__ import annotations

import math

import pytest
import torch

from uio2_ros.model.families.unified_io_2.rotary import (
    _rotate_real,
    rotate,
    table_1d,
    table_2d,
)

DIM = 16


def test_the_first_position_does_not_turn() -> None:
    x = torch.randn(1, 2, 1, DIM)
    torch.testing.assert_close(rotate(x, table_1d(1, DIM)[None]), x)


def test_pairs_are_interleaved_and_turn_by_position_times_frequency() -> None:
    x = torch.zeros(1, 1, 4, DIM)
    x[..., 0] = 1.0
    turned = rotate(x, table_1d(4, DIM)[None])
    assert turned[0, 0, 3, 0].item() == pytest.approx(math.cos(3))
    assert turned[0, 0, 3, 1].item() == pytest.approx(math.sin(3))
    assert turned[0, 0, 3, 2:].abs().max() == 0


def test_real_numbers_turn_as_complex_ones_do() -> None:
    x, table = torch.randn(2, 3, 9, DIM), table_1d(9, DIM)[None]
    real = _rotate_real(x, torch.view_as_real(table)[:, None])
    torch.testing.assert_close(real, rotate(x, table))


def test_products_depend_on_the_distance() -> None:
    query, key = torch.randn(2, 1, 1, 1, DIM).expand(2, 1, 1, 9, DIM)
    table = table_1d(9, DIM)[None]
    products = rotate(query, table) @ rotate(key, table).mT
    torch.testing.assert_close(products[0, 0, 3, 1], products[0, 0, 8, 6])


def test_half_of_the_pairs_follow_the_row_and_half_the_column() -> None:
    rows, columns = table_2d(3, 5, DIM).view(3, 5, DIM // 2).chunk(2, dim=-1)
    assert torch.equal(rows, rows[:, :1].expand_as(rows))
    assert torch.equal(columns, columns[:1].expand_as(columns))
    assert torch.equal(rows[:, 0], columns[0, :3])


def test_scale_stretches_the_coordinates() -> None:
    torch.testing.assert_close(table_2d(2, 2, DIM, scale=2.0)[3], table_2d(3, 3, DIM)[8])


def test_low_precision_is_turned_in_float32() -> None:
    x, table = torch.randn(1, 1, 500, DIM), table_1d(500, DIM)[None]
    low = x.bfloat16()
    expected = rotate(low.float(), table).bfloat16()
    assert torch.equal(rotate(low, table), expected)


def test_a_table_that_was_cast_is_refused() -> None:
    with pytest.raises(AssertionError, match="to_dtype"):
        rotate(torch.zeros(1, 1, 1, DIM), table_1d(1, DIM)[None].real)
