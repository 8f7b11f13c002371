"""A DDS domain of their own for the tests that need one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("rclpy") is None or importlib.util.find_spec("mcap") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from nodes.agent_process import private_domain

    @pytest.fixture(scope="module", autouse=True)
    def domain() -> Iterator[None]:
        """A DDS domain of this module and its processes, on this machine only."""
        with pytest.MonkeyPatch.context() as patch:
            private_domain(patch)
            yield
