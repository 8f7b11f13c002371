"""microphone_node: sound of a microphone or a file as stamped chunks on the topic `audio`."""

from __future__ import annotations

import array
import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from uio2_ros.messages.audio import SAMPLE_RATES_HZ, PcmFormat, chunk_message
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import AudioChunk
from uio2_ros.nodes.sources.microphone_clock import SampleClock
from uio2_ros.nodes.sources.microphone_sources import (
    Samples,
    SoundSource,
    is_demonstration,
    open_source,
)
from uio2_ros.nodes.sources.source_error import required
from uio2_ros.nodes.sources.source_node import SourceNode, SourceSettings, run
from uio2_ros.robot.time import to_ns
from uio2_ros.settings import setting

AUDIO_QOS = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
"""Chunks are small and a missing one is heard: five seconds are kept for a late reader."""

LISTENER_POLL_PERIOD_S = 0.05


@dataclass(frozen=True)
class MicrophoneSettings(SourceSettings):
    """The parameters of the microphone."""

    source: str = setting("auto", "auto, the number or name of an input device, or a sound file")
    loop: bool = setting(
        True, "play a file again and again; false: once, from the first subscription on"
    )
    sample_rate: int = setting(
        16000,
        "Hz, of the chunks",
        low=SAMPLE_RATES_HZ.start,
        high=SAMPLE_RATES_HZ.stop - 1,
    )
    channels: int = setting(1, "1 mixes all channels, 2 keeps the first two", low=1, high=2)
    encoding: str = setting(
        AudioChunk.S16LE, "numbers in the chunks", choices=(AudioChunk.S16LE, AudioChunk.F32LE)
    )
    chunk_period_s: float = setting(
        0.1, "seconds of sound in a chunk", low=0.005, high=10.0, name="chunk_period"
    )
    drift_bound_s: float = setting(
        0.05,
        "seconds the stamps may be off the clock before they are set anew",
        low=0.001,
        high=60.0,
        name="drift_bound",
    )
    frame_id: str = setting("microphone", "frame that the chunks are stamped with")


class ChunkEncoder:
    """Resamples and mixes a source's blocks without a seam between them. One thread."""

    def __init__(self, source: SoundSource, settings: MicrophoneSettings) -> None:
        self._channels = min(settings.channels, source.channels)
        self._integers = settings.encoding == AudioChunk.S16LE
        self._resampler = required("soxr").ResampleStream(
            source.sample_rate, settings.sample_rate, self._channels, dtype="float32", quality="HQ"
        )

    @property
    def channels(self) -> int:
        """Channels of what `encode` returns."""
        return self._channels

    def encode(self, samples: Samples, last: bool) -> tuple[array.array[int], int]:
        """Interleaved little-endian bytes of (frames, channels), and their number of frames.

        The resampler holds a few milliseconds back until more comes or this is the `last` call.
        """
        if self._channels == 1:
            samples = samples.mean(axis=1, keepdims=True)
        resampled = self._resampler.resample_chunk(samples[:, : self._channels], last=last)
        data = array.array("B")
        data.frombytes(self._quantised(resampled).tobytes())
        return data, len(resampled)

    def _quantised(self, samples: Samples) -> npt.NDArray[np.generic]:
        if not self._integers:
            return samples.astype("<f4")
        return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")


class MicrophoneNode(SourceNode[MicrophoneSettings]):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("microphone", MicrophoneSettings)
        self._audio = self.create_publisher(AudioChunk, "audio", AUDIO_QOS)
        self._readings: dict[str, str] = {}
        self._source: SoundSource | None = None
        self._sample_clock = SampleClock(0.0)
        self._published = 0
        self._peak = 0.0

    def stream(self) -> None:
        """Publish the source's sound until the node stops or a recording ends."""
        settings = self.settings()
        source = open_source(settings.source, settings.chunk_period_s, settings.loop)
        try:
            self._announce(source)
            if not (source.live or settings.loop):
                self._wait_for_listener()
            self._stream(source, settings)
        finally:
            source.close()

    def _wait_for_listener(self) -> None:
        """What is played once must not be over before anybody has found the topic."""
        while not (self.over or self._audio.get_subscription_count()):
            self.reopen.wait(LISTENER_POLL_PERIOD_S)

    def _stream(self, source: SoundSource, settings: MicrophoneSettings) -> None:
        encoder = ChunkEncoder(source, settings)
        clock = self._sample_clock = SampleClock(settings.drift_bound_s)
        heard, sent = 0, 0  # frames of the source, frames published
        began_s = time.monotonic()
        while not self.over:
            block = source.read()
            if block is None:
                continue
            ended = len(block.samples) == 0
            heard += len(block.samples)
            position_s = heard / source.sample_rate
            age_s = block.age_s
            if not source.live:
                due_s = began_s + position_s
                if self.reopen.wait(due_s - time.monotonic()):
                    return
                age_s = time.monotonic() - due_s  # on a busy machine the end of the wait is late
            self._peak = max(self._peak, float(np.abs(block.samples).max(initial=0.0)))
            clock.observe(position_s, self.get_clock().now().nanoseconds - to_ns(age_s))
            data, frames = encoder.encode(block.samples, last=ended)
            if frames:
                stamp_ns = clock.time_ns(sent / settings.sample_rate)
                self._publish(data, stamp_ns, encoder.channels, settings)
                sent += frames
            if ended:
                self._readings["state"] = "the recording has ended"
                return

    def readings(self) -> dict[str, str]:
        """Source, loudness and what was lost."""
        source = self._source
        level = f"{self._peak:.3f}"
        self._peak = 0.0
        return {
            **self._readings,
            "published": str(self._published),
            "peak since the last report": level,
            "lost blocks": str(source.lost_blocks if source else 0),
            "clock set anew": str(self._sample_clock.resynchronised),
        }

    def _publish(
        self,
        data: array.array[int],
        stamp_ns: int,
        channels: int,
        settings: MicrophoneSettings,
    ) -> None:
        form = PcmFormat(settings.sample_rate, channels, settings.encoding)
        header = Header(stamp=time_message(stamp_ns), frame_id=settings.frame_id)
        self._audio.publish(chunk_message(data, form, header))
        self._published += 1

    def _announce(self, source: SoundSource) -> None:
        layout = f"{source.sample_rate} Hz, {source.channels} channels"
        self._source = source
        self._readings = {"source": source.name, "layout": layout}
        if is_demonstration(source):
            self._readings["warning"] = "no microphone found: playing the demonstration recording"
            self.get_logger().warning(
                "no microphone found: playing the demonstration recording (espeak-ng: Please find "
                "the cup on the table); name a source with microphone:=<device or sound file>"
            )
        self.running(f"{source.name}, {layout}, on {self._audio.topic_name}")


def main(args: list[str] | None = None) -> int:
    """Entry point of microphone_node."""
    return run(MicrophoneNode, "microphone", args)


if __name__ == "__main__":
    sys.exit(main())
