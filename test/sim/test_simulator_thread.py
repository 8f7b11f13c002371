"""What is asked of the simulator's thread has an end, whatever ends the thread."""

from __future__ import annotations

import threading

import pytest
from patience import patient

from uio2_ros.sim import PictureSize, Split
from uio2_ros.sim.simulator_thread import (
    EpisodeChoice,
    RefusedError,
    SimulatorThread,
    TimingSettings,
)

WAIT_S = patient(60.0)
CHOICE = EpisodeChoice("put", 0, Split.TRAIN, PictureSize(32, 32))
FAST = TimingSettings(picture_rate_hz=0.1, samples_per_pixel=0, rate=0.0)


class Listening:
    """Waits for the instruction; `broken` raises with the next tick."""

    def __init__(self) -> None:
        self.ready, self.busy, self.broken = threading.Event(), threading.Event(), False

    def on_scene(self, simulator: SimulatorThread) -> None: ...
    def on_picture(self, simulator: SimulatorThread) -> None: ...
    def on_pause(self, simulator: SimulatorThread) -> None: ...

    def on_instruction(self, simulator: SimulatorThread) -> None:
        del simulator
        self.ready.set()

    def on_tick(self, simulator: SimulatorThread) -> None:
        if simulator.moving:
            self.busy.set()
            if self.broken:
                raise OSError("no screen")


@pytest.mark.parametrize("broken", [False, True])
def test_a_step_under_way_is_refused_when_the_simulator_ends(broken: bool) -> None:
    listening = Listening()
    listening.broken = broken
    simulator = SimulatorThread(CHOICE, FAST, listening)
    simulator.start()
    assert listening.ready.wait(WAIT_S)
    pending = simulator.execute((), seconds=3600.0)
    assert listening.busy.wait(WAIT_S)
    simulator.close()
    with pytest.raises(RefusedError, match="the simulator has ended"):
        pending.result(WAIT_S)
    with pytest.raises(RefusedError, match="the simulator has ended"):
        simulator.look(lambda _: None).result(WAIT_S)
    assert isinstance(simulator.failure, OSError) is broken
