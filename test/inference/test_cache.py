"""What was computed lately: bounded, least recently used first out."""

from __future__ import annotations

import pytest
import torch

from uio2_ros.inference.families.cache import Cache


def test_it_forgets_the_least_recently_used() -> None:
    cache = Cache(2)
    for key in (1, 2):
        cache.put(key, torch.tensor(key))
    assert cache.get(1) is not None
    cache.put(3, torch.tensor(3))
    assert [key in cache for key in (1, 2, 3)] == [True, False, True]
    assert len(cache) == 2
    assert cache.get(2) is None


def test_a_value_put_again_replaces_itself() -> None:
    cache = Cache(2)
    cache.put(1, torch.tensor(1.0))
    cache.put(1, torch.tensor(2.0))
    assert len(cache) == 1
    assert cache.get(1) == torch.tensor(2.0)


def test_it_can_be_emptied() -> None:
    cache = Cache(2)
    cache.put(1, torch.tensor(1.0))
    cache.clear()
    assert 1 not in cache


def test_it_needs_room() -> None:
    with pytest.raises(ValueError, match="capacity of at least 1, got 0"):
        Cache(0)
