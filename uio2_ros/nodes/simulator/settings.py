"""The parameters of sim_node: their descriptions, bounds and defaults, and their typed form."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from uio2_ros.nodes.agent.parameters import Effect, Parameter
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.splits import Split
from uio2_ros.sim.stage import Choice, StageSettings


def _fixed(
    default: bool | float | int | str, description: str, low: float = 0.0, high: float = 1e6
) -> Parameter:
    return Parameter(default, description, Effect.RESTART, low, high)


PARAMETERS: dict[str, Parameter] = {
    "task": _fixed("put", "task of the first episode; docs/simulator.md lists them"),
    "seed": _fixed(0, "seed of the first episode", high=2**62),
    "split": _fixed("train", "split of the first episode: train or held-out"),
    "width": _fixed(320, "pixels of the pictures", low=32, high=2048),
    "height": _fixed(240, "pixels of the pictures", low=32, high=2048),
    "image_rate": _fixed(15.0, "pictures per second of the simulator", low=0.1, high=100.0),
    "samples_per_pixel": _fixed(4, "against jagged edges; 0 draws faster", high=8),
    "camera": _fixed("", "whose pictures are on image: front, top, base; empty: the robot's first"),
    "rate": _fixed(
        1.0, "seconds of the simulator per second; 0: as fast as it goes. Not 1: use_sim_time"
    ),
    "lock_step": _fixed(False, "time passes only in ~/step; the others need use_sim_time"),
    "follow": _fixed(False, "carry out what comes on plan, without a bridge"),
    "audio_period": _fixed(0.1, "seconds of sound in a chunk", low=0.01, high=1.0),
    "publish_objects": _fixed(False, "objects are frames on /tf"),
    "diagnostics_period": _fixed(1.0, "seconds between diagnostics", low=0.05, high=60.0),
}


@dataclass(frozen=True)
class NodeSettings:
    """The parameters, typed."""

    choice: Choice
    stage: StageSettings
    camera: str
    follow: bool
    audio_period_s: float
    publish_objects: bool
    diagnostics_period_s: float


def declare_parameters(node: Node) -> None:
    """Declares all of `PARAMETERS`."""
    for name, parameter in PARAMETERS.items():
        node.declare_parameter(name, parameter.default, parameter.descriptor())


def read_settings(node: Node) -> NodeSettings:
    """The parameters; ValueError names one that is none of its choices."""
    values = {name: node.get_parameter(name).value for name in PARAMETERS}
    return NodeSettings(
        choice=Choice(
            values["task"],
            values["seed"],
            split_named(values["split"]),
            PictureSize(values["width"], values["height"]),
        ),
        stage=StageSettings(
            picture_rate_hz=values["image_rate"],
            rate=values["rate"],
            lock_step=values["lock_step"],
            samples_per_pixel=values["samples_per_pixel"],
        ),
        camera=values["camera"],
        follow=values["follow"],
        audio_period_s=values["audio_period"],
        publish_objects=values["publish_objects"],
        diagnostics_period_s=values["diagnostics_period"],
    )


def split_named(name: str) -> Split:
    """The split; ValueError, with the names there are, for any other."""
    for split in Split:
        if split.value == name:
            return split
    known = " or ".join(split.value for split in Split)
    raise ValueError(f"no split is called {name!r}; expected {known}")
