"""Which answerer an agent asks: today always a model in a process of its own."""

from __future__ import annotations

import sys

from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.serving import Answerer, ModelProcess, SharedArena
from uio2_ros.serving.status_board import OnStatus

ARENA_SPARE_BYTES = 64 * 2**20
"""Shared memory beyond the history's, for sound and for pictures not kept in it."""


def start_answerer(settings: AgentSettings, on_status: OnStatus) -> Answerer:
    """Begins to load what the settings name; `on_status` hears every change of its state."""
    process = ModelProcess(
        settings.spec,
        settings=settings.serving,
        arena=SharedArena(settings.frames.max_bytes + ARENA_SPARE_BYTES),
        on_status=on_status,
        python=settings.python or sys.executable,
    )
    process.start()
    return process
