"""The parameters of the agent."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.history import AudioHistorySettings, FrameHistorySettings
from uio2_ros.history.move_history import MOVES_KEPT
from uio2_ros.memory.settings import DepthSettings, MemorySettings
from uio2_ros.messages.audio import PcmFormat
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.robot.encoded_picture import MOST_PIXELS
from uio2_ros.serving import ModelSpec, ServingSettings
from uio2_ros.settings import Effect, group, setting

SPARE_PICTURES = 6
"""Buffers beyond the history's: what an answer of a second or two and its drawing hold."""


@dataclass(frozen=True)
class AgentSettings:
    """Everything that can be chosen. What names no effect counts from one configuration of the
    agent to the next."""

    spec: ModelSpec = group(ModelSpec)
    fallback: str = setting(
        "",
        "model or bundle that answers here while the server of model:=ws://... is not reached; "
        "empty: none does",
    )
    remote: RemoteSettings = group(RemoteSettings, "remote")
    python: str = setting("", "interpreter of the inference process; empty: that of this node")
    load_timeout_s: float = setting(
        600.0, "seconds that loading may take", low=1.0, name="load_timeout"
    )
    serving: ServingSettings = group(ServingSettings)
    autostart: bool = setting(
        True, "configure and activate without being asked", effect=Effect.RESTART
    )
    compressed: bool = setting(False, "pictures come from image/compressed instead of image")
    image_depth: int = setting(2, "pictures the middleware keeps for the agent", low=1, high=100)
    most_pixels: int = setting(
        MOST_PIXELS,
        "pixels of the largest compressed picture that is decoded",
        low=1,
        high=2**31 - 1,
        name="image.most_pixels",
    )
    frames: FrameHistorySettings = group(FrameHistorySettings, "history")
    audio: AudioHistorySettings = group(AudioHistorySettings, "audio")
    audio_format: PcmFormat = group(PcmFormat, "audio.format")
    odometry: bool = setting(
        False,
        "remember where each move was told, from odom, for task navigate",
        name="navigation.odometry",
    )
    moves: int = setting(MOVES_KEPT, "moves remembered", low=1, high=1000, name="navigation.moves")
    depth: DepthSettings = group(DepthSettings, "depth")
    memory: MemorySettings = group(MemorySettings, "memory")
    max_age_s: float = setting(
        2.0,
        "seconds a picture may be old where a request does not say",
        low=0.001,
        name="max_age",
        effect=Effect.NOW,
    )
    timeout_s: float = setting(
        30.0,
        "seconds an answer may take where a request does not say",
        low=0.001,
        name="timeout",
        effect=Effect.NOW,
    )
    picture_timeout_s: float = setting(
        300.0,
        "the same for answers that are pictures or sound",
        low=0.001,
        name="picture_timeout",
        effect=Effect.NOW,
    )
    debug_image: bool = setting(True, "draw answers on debug_image", effect=Effect.NOW)
    depth_millimetres: bool = setting(
        False, "depth is 16UC1 in millimetres instead of 32FC1 in metres", effect=Effect.NOW
    )
    plan_topic: str = setting(
        "~/plan", "where plans are told; plan: as before, where nav2 tells its paths"
    )
    publish_tf: bool = setting(False, "poses of answers are frames on /tf too", effect=Effect.NOW)
    tf_prefix: str = setting(
        "answer_", "what the names of these frames begin with", effect=Effect.NOW
    )
    diagnostics_period_s: float = setting(
        1.0,
        "seconds between diagnostics",
        low=0.05,
        high=60.0,
        name="diagnostics_period",
        effect=Effect.RESTART,
    )
