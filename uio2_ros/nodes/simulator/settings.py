"""The parameters of sim_node."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import group, setting
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.simulator_thread import EpisodeChoice, TimingSettings
from uio2_ros.sim.splits import Split


@dataclass(frozen=True)
class SimulatorSettings:
    """Everything that can be chosen."""

    task: str = setting("put", "task of the first episode; docs/simulator.md lists them")
    seed: int = setting(0, "seed of the first episode", high=2**62)
    split: Split = setting(Split.TRAIN, "split of the first episode")
    width: int = setting(320, "pixels of the pictures", low=32, high=2048)
    height: int = setting(240, "pixels of the pictures", low=32, high=2048)
    timing: TimingSettings = group(TimingSettings)
    camera: str = setting(
        "", "whose pictures are on image: front, top, base; empty: the robot's first"
    )
    follow: bool = setting(False, "carry out what comes on plan_topic, without a bridge")
    plan_topic: str = setting("agent/plan", "where the agent tells its plans")
    audio_period_s: float = setting(
        0.1, "seconds of sound in a chunk", low=0.01, high=1.0, name="audio_period"
    )
    publish_objects: bool = setting(False, "objects are frames on /tf")
    diagnostics_period_s: float = setting(
        1.0, "seconds between diagnostics", low=0.05, high=60.0, name="diagnostics_period"
    )

    @property
    def choice(self) -> EpisodeChoice:
        """The first episode."""
        size = PictureSize(self.width, self.height)
        return EpisodeChoice(self.task, self.seed, self.split, size)


def split_named(name: str) -> Split:
    """The split; ValueError, with the names there are, for any other."""
    for split in Split:
        if split.value == name:
            return split
    known = " or ".join(split.value for split in Split)
    raise ValueError(f"no split is called {name!r}; expected {known}")
