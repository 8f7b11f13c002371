"""Rows that examples share: pairs as published, and as many as fit."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.training.packing import (
    Length,
    PairingPool,
    Sized,
    pack_bins,
    row_numbers,
)

LIMIT = Length(100, 50)


def sized(*lengths: tuple[int, int]) -> list[Sized[int]]:
    return [Sized(number, Length(*one)) for number, one in enumerate(lengths)]


def mixed_stream(count: int) -> list[Sized[int]]:
    """Short texts, and questions about pictures of about the same number of patches."""
    rng = np.random.default_rng(0)
    inputs = rng.choice([12, 30, 120, 140], count) + rng.integers(0, 40, count)
    targets = rng.integers(2, 60, count)
    return sized(*zip(inputs.tolist(), targets.tolist(), strict=True))


def test_an_example_is_paired_with_the_largest_waiting_one_that_fits() -> None:
    pool = PairingPool[int](LIMIT)
    small, large, huge, new = sized((20, 5), (60, 10), (90, 10), (40, 10))
    assert pool.add(small) == ()
    pool = PairingPool(LIMIT, _waiting=[small, large, huge])
    assert pool.add(new) == (large, new)


def test_both_limits_must_hold() -> None:
    pool = PairingPool[int](LIMIT)
    first, second = sized((10, 30), (10, 30))
    assert pool.add(first) == ()
    assert pool.add(second) == ()


def test_the_largest_leaves_a_full_pool_alone() -> None:
    pool = PairingPool[int](LIMIT, size=2)
    one, two, three = sized((60, 5), (80, 5), (70, 5))
    assert pool.add(one) == pool.add(two) == ()
    assert pool.add(three) == (two,)
    assert [row[0].item for row in pool.drain()] == [2, 0]


def test_what_fits_no_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit a row of 100 and 50"):
        pack_bins(sized((101, 1)), LIMIT)


def test_every_example_is_in_one_row() -> None:
    limit = Length(400, 160)
    rows = pack_bins(mixed_stream(500), limit)
    assert sorted(one.item for row in rows for one in row) == list(range(500))
    for row in rows:
        assert sum((one.length for one in row), Length(0, 0)).fits(limit)


def test_mixed_examples_fill_rows_to_95_percent() -> None:
    limit = Length(864, 400)
    rows = pack_bins(mixed_stream(2000), limit)
    inputs = sum(one.length.inputs for row in rows for one in row) / (limit.inputs * len(rows))
    targets = sum(one.length.targets for row in rows for one in row) / (limit.targets * len(rows))
    assert max(inputs, targets) > 0.95


def test_rows_are_numbered_for_collate() -> None:
    one, two, three = sized((1, 1), (1, 1), (1, 1))
    assert row_numbers([[one, three], [two]]) == ([0, 2, 1], [0, 0, 1])
