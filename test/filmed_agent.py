"""An agent with a camera before it, for folders of tests that share one. Real DDS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import PATIENT, Robot

PERIOD_S = 0.2


@contextmanager
def filmed_agent(folder: Path) -> Iterator[AgentProcess]:
    """An active agent that sees a picture five times a second."""
    over = threading.Event()
    with AgentProcess(folder, SCRIPTED_AGENT, **PATIENT) as process, Robot() as robot:
        process.wait_until_logged("active: ask")

        def film() -> None:
            while not over.wait(PERIOD_S):
                robot.show()

        camera = threading.Thread(target=film)
        camera.start()
        try:
            yield process
        finally:
            over.set()
            camera.join()
