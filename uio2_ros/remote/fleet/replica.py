"""A replica of the model in Ray Serve: a supervised process of its own. No torch, no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future

from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import ModelProcess, ModelSpec, ModelState, ServingSettings
from uio2_ros.serving.status import ModelDescription

LOAD_S = 1800.0
"""The longest that a model may load."""


class ModelReplica:
    """What Ray Serve starts, asks and ends; its methods run on the replica's loop."""

    def __init__(self, spec: ModelSpec, settings: ServingSettings, factory: str) -> None:
        """Loads the model. RuntimeError if it cannot be loaded; Serve tries again then."""
        self._model = ModelProcess(spec, settings=settings, factory=factory)
        self._model.start()
        status = self._model.wait_ready(LOAD_S)
        if status.state is not ModelState.READY:
            self._model.close()
            raise RuntimeError(status.reason)

    def describe(self) -> ModelDescription:
        """Which model it is."""
        return self._model.status().model

    def check_health(self) -> None:
        """Called by Serve, which replaces the replica when it raises. A model whose process died is
        started again here, and is no reason."""
        status = self._model.status()
        if status.state is ModelState.FAILED:
            raise RuntimeError(status.reason)

    async def answer(
        self,
        instruction: Instruction,
        observation: Observation,
        timeout_s: float,
        robot: str,
        reports: bool,
    ) -> AsyncIterator[Progress | Answer]:
        """Its progress, if `reports`, and then the answer. Cancelled with who reads it."""
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[Progress | Answer] = asyncio.Queue()

        def tell(what: Progress | Answer) -> None:
            loop.call_soon_threadsafe(told.put_nowait, what)

        def end(done: Future[Answer]) -> None:
            tell(done.result(0))

        pending = self._model.submit(
            instruction,
            observation,
            timeout_s=timeout_s,
            robot=robot,
            on_progress=tell if reports else None,
        )
        pending.add_done_callback(end)
        try:
            while not isinstance(what := await told.get(), Answer):
                yield what
            yield what
        finally:
            pending.cancel()

    def keep(self, frame: Frame) -> None:
        """Encodes a picture of the history in advance, if the model is idle."""
        self._model.offer_frame(frame)

    def __del__(self) -> None:
        self._model.close()
