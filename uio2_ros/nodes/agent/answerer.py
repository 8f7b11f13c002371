"""Which answerer an agent asks: a model in a process here, one on another machine, or both."""

from __future__ import annotations

import sys
from dataclasses import replace

from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.remote.settings import is_remote
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.serving import Answerer, ModelProcess, ModelSpec, SharedArena
from uio2_ros.serving.status_board import OnStatus

ARENA_SPARE_BYTES = 64 * 2**20
"""Shared memory beyond the history's, for sound and for pictures not kept in it."""


def start_answerer(settings: AgentSettings, on_status: OnStatus) -> Answerer:
    """Begins to load what the settings name; `on_status` hears every change of its state.

    ValueError for an address, a token or a certificate that cannot be used.
    """
    if not is_remote(settings.spec.model):
        return _here(settings, settings.spec, on_status)
    there = _there(settings, on_status)
    if not settings.fallback:
        return there
    from uio2_ros.remote.fallback import Fallback

    spec = replace(settings.spec, model=settings.fallback)
    return Fallback(there, _here(settings, spec, on_status))


def _here(settings: AgentSettings, spec: ModelSpec, on_status: OnStatus) -> ModelProcess:
    process = ModelProcess(
        spec,
        settings=settings.serving,
        arena=SharedArena(settings.frames.max_bytes + ARENA_SPARE_BYTES),
        on_status=on_status,
        python=settings.python or sys.executable,
    )
    process.start()
    return process


def _there(settings: AgentSettings, on_status: OnStatus) -> Answerer:
    try:
        from uio2_ros.remote.client import RemoteModel
    except ModuleNotFoundError as error:
        raise RuntimeError(f"{error}; a model elsewhere takes: pip install websockets") from error
    model = RemoteModel(
        settings.spec.model,
        settings.remote,
        spaces=load_action_spaces(settings.spec.action_spaces or None),
        on_status=on_status,
    )
    model.start()
    return model
