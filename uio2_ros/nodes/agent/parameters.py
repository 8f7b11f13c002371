"""The agent's parameters: their descriptions, bounds and defaults, and their typed form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from uio2_ros.bringup import DEVICE_PATTERN
from uio2_ros.history import AudioHistorySettings, FrameHistorySettings
from uio2_ros.messages.audio import CHUNK_DTYPES, SAMPLE_RATES_HZ, PcmFormat
from uio2_ros.nodes.dataclass_parameters import defaults_of, descriptions_of
from uio2_ros.serving import ModelSpec, ServingSettings
from uio2_ros.tasks.settings import TaskSettings

MIB = 2**20
HUGE = 1e6
"""Upper bound of parameters that have none of their own."""
SPARE_PICTURES = 6
"""Buffers beyond the history's: what an answer of a second or two and its drawing hold."""
DTYPES = ("auto", "float32", "bfloat16", "float16")


class Effect(Enum):
    """When a new value of a parameter counts."""

    RESTART = "read only: give it when the node starts"
    CONFIGURE = "takes effect when the agent is configured"
    NOW = "takes effect at once"


@dataclass(frozen=True)
class Parameter:
    """One parameter. low and high bound numbers."""

    default: bool | int | float | str
    description: str
    effect: Effect = Effect.CONFIGURE
    low: float = 0.0
    high: float = HUGE

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(
            description=f"{self.description} ({self.effect.value})",
            read_only=self.effect is Effect.RESTART,
        )
        if isinstance(self.default, float):
            bounds = FloatingPointRange(from_value=self.low, to_value=self.high)
            descriptor.floating_point_range = [bounds]
        elif isinstance(self.default, int) and not isinstance(self.default, bool):
            whole = IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)
            descriptor.integer_range = [whole]
        return descriptor


PARAMETERS: dict[str, Parameter] = {
    "model": Parameter("synthetic", "synthetic[:configuration], a hub id or a directory"),
    "tokenizer": Parameter("", "SentencePiece file; empty: the synthetic one of the package"),
    "device": Parameter("auto", "auto, cpu, cuda or cuda:N"),
    "dtype": Parameter("auto", " or ".join(DTYPES)),
    "quantize": Parameter("", "weight quantisation; empty: none"),
    "threads": Parameter(0, "CPU threads of the model; 0: all cores but one", high=1024),
    "python": Parameter("", "interpreter of the inference process; empty: that of this node"),
    "load_timeout": Parameter(600.0, "seconds that loading may take", low=1.0),
    "queue_size": Parameter(4, "instructions that may wait for the running one", high=1000),
    "grace": Parameter(10.0, "seconds the model may take to heed a cancellation or deadline"),
    "backoff": Parameter(0.5, "seconds before the model is restarted, doubling each time"),
    "max_backoff": Parameter(30.0, "most seconds before the model is restarted"),
    "max_load_crashes": Parameter(
        3, "deaths in a row while loading after which the agent gives up", low=1, high=1000
    ),
    "action_spaces": Parameter("", "folder of action-space files; empty: that of the package"),
    "autostart": Parameter(True, "configure and activate without being asked", Effect.RESTART),
    "compressed": Parameter(False, "pictures come from image/compressed instead of image"),
    "image_depth": Parameter(2, "pictures the middleware keeps for the agent", low=1, high=100),
    "history.count": Parameter(8, "older pictures kept, without the newest", high=1000),
    "history.period": Parameter(1.0, "least seconds between two pictures kept"),
    "history.seconds": Parameter(60.0, "older pictures than this are forgotten", low=0.001),
    "history.megabytes": Parameter(256, "most memory for pictures, MiB", low=1, high=65536),
    "audio.seconds": Parameter(40.0, "sound kept", low=0.1, high=3600.0),
    "audio.max_ahead": Parameter(2.0, "sound stamped this many seconds in the future is dropped"),
    "audio.format.rate": Parameter(
        16000,
        "Hz of sound messages that do not tell (AudioData)",
        low=SAMPLE_RATES_HZ.start,
        high=SAMPLE_RATES_HZ.stop - 1,
    ),
    "audio.format.channels": Parameter(
        1, "channels of sound messages that do not tell", low=1, high=64
    ),
    "audio.format.encoding": Parameter(
        "S16LE", f"encoding of sound messages that do not tell: {' or '.join(CHUNK_DTYPES)}"
    ),
    "navigation.odometry": Parameter(
        False, "remember where each move was told, from odom, for task navigate"
    ),
    "navigation.moves": Parameter(16, "moves remembered", low=1, high=1000),
    "max_age": Parameter(
        2.0, "seconds a picture may be old where a request does not say", Effect.NOW, low=0.001
    ),
    "timeout": Parameter(
        30.0, "seconds an answer may take where a request does not say", Effect.NOW, low=0.001
    ),
    "picture_timeout": Parameter(
        300.0, "the same for answers that are pictures or sound", Effect.NOW, low=0.001
    ),
    "debug_image": Parameter(True, "draw answers on debug_image", Effect.NOW),
    "depth_millimetres": Parameter(
        False, "depth is 16UC1 in millimetres instead of 32FC1 in metres", Effect.NOW
    ),
    "publish_tf": Parameter(False, "poses of answers are frames on /tf too", Effect.NOW),
    "tf_prefix": Parameter("answer_", "what the names of these frames begin with", Effect.NOW),
    "diagnostics_period": Parameter(
        1.0, "seconds between diagnostics", Effect.RESTART, low=0.05, high=60.0
    ),
}


TASK_PREFIX = "tasks."
PARAMETERS |= {
    f"{TASK_PREFIX}{name}": Parameter(default, descriptions_of(TaskSettings)[name])
    for name, default in defaults_of(TaskSettings).items()
}


@dataclass(frozen=True)
class AgentSettings:
    """What counts from one configuration of the agent to the next."""

    spec: ModelSpec
    serving: ServingSettings
    python: str
    load_timeout_s: float
    compressed: bool
    image_depth: int
    frames: FrameHistorySettings
    audio: AudioHistorySettings
    audio_format: PcmFormat
    odometry: bool
    moves: int


def declare_parameters(node: Node) -> None:
    """Declares all of `PARAMETERS`."""
    for name, parameter in PARAMETERS.items():
        node.declare_parameter(name, parameter.default, parameter.descriptor())


def read_settings(node: Node) -> AgentSettings:
    """The parameters, typed; ValueError for values that do not fit together."""

    def value(name: str) -> Any:
        return node.get_parameter(name).value

    task_names = defaults_of(TaskSettings)
    encoding = value("audio.format.encoding")
    if encoding not in CHUNK_DTYPES:
        raise ValueError(f"audio.format.encoding is {encoding!r}; give {' or '.join(CHUNK_DTYPES)}")
    if not re.fullmatch(DEVICE_PATTERN, value("device")):
        raise ValueError(f"device is {value('device')!r}; give auto, cpu, cuda or cuda:<number>")
    if value("dtype") not in DTYPES:
        raise ValueError(f"dtype is {value('dtype')!r}; give {' or '.join(DTYPES)}")
    return AgentSettings(
        spec=ModelSpec(
            model=value("model"),
            tokenizer=value("tokenizer"),
            device=value("device"),
            dtype=value("dtype"),
            quantize=value("quantize") or None,
            threads=value("threads"),
            action_spaces=value("action_spaces"),
            tasks=TaskSettings(**{name: value(TASK_PREFIX + name) for name in task_names}),
        ),
        serving=ServingSettings(
            queue_size=value("queue_size"),
            grace_s=value("grace"),
            backoff_s=value("backoff"),
            max_backoff_s=value("max_backoff"),
            max_load_crashes=value("max_load_crashes"),
        ),
        python=value("python"),
        load_timeout_s=value("load_timeout"),
        compressed=value("compressed"),
        image_depth=value("image_depth"),
        frames=FrameHistorySettings(
            count=value("history.count"),
            period_s=value("history.period"),
            max_span_s=value("history.seconds"),
            max_bytes=value("history.megabytes") * MIB,
            spare=SPARE_PICTURES,
        ),
        audio=AudioHistorySettings(
            seconds=value("audio.seconds"), max_ahead_s=value("audio.max_ahead")
        ),
        audio_format=PcmFormat(
            value("audio.format.rate"), value("audio.format.channels"), encoding
        ),
        odometry=value("navigation.odometry"),
        moves=value("navigation.moves"),
    )
