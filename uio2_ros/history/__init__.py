"""Bounded memories of what the robot saw and heard. Imports numpy; soxr if it must resample."""

from uio2_ros.history.audio_history import (
    AudioHistory,
    AudioHistorySettings,
    AudioHistoryState,
    Push,
)
from uio2_ros.history.frame_history import (
    FrameHistory,
    FrameHistorySettings,
    FrameHistoryState,
    FrameSnapshot,
    Offer,
)
from uio2_ros.history.memory import HeapMemory, PixelMemory

__all__ = [
    "AudioHistory",
    "AudioHistorySettings",
    "AudioHistoryState",
    "FrameHistory",
    "FrameHistorySettings",
    "FrameHistoryState",
    "FrameSnapshot",
    "HeapMemory",
    "Offer",
    "PixelMemory",
    "Push",
]
