"""A `ModelProcess` on the fake runner."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import patient

from uio2_ros.serving import ModelProcess, ModelSpec, ServingSettings

WAIT_S = patient(30.0)

sys.path.insert(0, str(Path(__file__).parent))  # the children find `fake_runner` there, too


@pytest.fixture
def make_process() -> Iterator[Callable[..., ModelProcess]]:
    """Makes started processes, which end with the test."""
    made: list[ModelProcess] = []

    def make(model: str = "synthetic", maker: str = "make", **arguments: Any) -> ModelProcess:
        settings = ServingSettings(**{"grace_s": 5.0, "backoff_s": 0.05, **arguments})
        process = ModelProcess(
            ModelSpec(model, warm_up=False),
            settings=settings,
            factory=f"fake_runner:{maker}",
            python=sys.executable,
        )
        made.append(process)
        process.start()
        return process

    yield make
    for process in made:
        process.close()


@pytest.fixture
def process(make_process: Callable[..., ModelProcess]) -> ModelProcess:
    """One that is ready."""
    process = make_process()
    process.wait_ready(WAIT_S)
    return process
