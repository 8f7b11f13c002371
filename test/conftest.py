"""What holds for every test."""

from __future__ import annotations

from collections.abc import Sequence

import pytest


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Tests of real processes over real DDS have one more try, and the summary names who took it.

    On a busy machine a process starts late or discovery takes long, whatever the code does.
    """
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.flaky(reruns=1))
