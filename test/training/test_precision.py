"""In which dtype training computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from uio2_ros.training import run
from uio2_ros.training.config import DataSettings, TrainingConfig


@pytest.mark.parametrize(
    ("asked", "is_faster", "chosen"),
    [
        ("auto", True, "bfloat16"),
        ("auto", False, "float32"),
        ("bfloat16", False, "bfloat16"),
        ("autocast", True, "autocast"),
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, asked: str, is_faster: bool, chosen: str
) -> None:
    monkeypatch.setattr(run, "small_layers_are_faster_in_bfloat16", lambda _: is_faster)
    config = TrainingConfig("uio2-nano", Path(), (DataSettings("scenes"),), precision=asked)
    assert run._with_precision(config).precision == chosen
