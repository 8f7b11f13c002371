"""Where the microphone node's sound comes from: an input device or a sound file.

Imports sounddevice and soundfile where they are wanted, and numpy; no rclpy. A source is
opened by `open_source`, read and closed by one thread. What goes wrong is a `SourceError`.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from uio2_ros.nodes.sources.source_error import SourceError, required

Samples = npt.NDArray[np.float32]

DEMONSTRATION_RECORDING = Path(__file__).parents[2] / "assets" / "demo.wav"
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf"})
LONGEST_SILENCE_OF_A_DEVICE_S = 2.0
QUEUED_BLOCKS = 64
"""Blocks a reader may fall behind before sound is lost; 64 blocks of 0.1 s are 6 s."""


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples, (frames, channels) in [-1, 1]; the last was captured `age_s` ago."""

    samples: Samples
    age_s: float = 0.0


class SoundSource(Protocol):
    """Sound in real time, in blocks. `name` is for people.

    `live` sources are paced by hardware: `read` waits for the next block and returns None if a
    short while passes without one. Of other sources the caller waits until the block's end would
    have been heard.
    """

    name: str
    sample_rate: int  # Hz
    channels: int
    live: bool
    lost_blocks: int

    def read(self) -> AudioBlock | None:
        """The next block; an empty one at the end of a recording that does not loop."""

    def close(self) -> None:
        """Give the device or file back."""


class RecordingSource:
    """A sound file, once or in a loop."""

    live = False
    lost_blocks = 0

    def __init__(self, path: Path, block_s: float, loop: bool) -> None:
        self.name = f"recording {path}"
        self._file = _open_recording(path)
        self._loop = loop
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._frames = max(1, round(block_s * self.sample_rate))

    def read(self) -> AudioBlock:
        """The next block; the end of the file and its start share one when it loops."""
        samples = self._read(self._frames)
        while self._loop and len(samples) < self._frames:
            self._file.seek(0)
            samples = np.concatenate([samples, self._read(self._frames - len(samples))])
        return AudioBlock(samples)

    def _read(self, frames: int) -> Samples:
        try:
            samples: Samples = self._file.read(frames, dtype="float32", always_2d=True)
        except RuntimeError as error:  # soundfile's
            raise SourceError(
                f"{self.name} is damaged ({error})", "replace the file or name another"
            ) from error
        return samples

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PortAudioInput:
    """An input device through PortAudio, in the layout it prefers."""

    live = True

    def __init__(self, device: int | str | None, block_s: float) -> None:
        sounddevice = _import_sounddevice()
        self._blocks: queue.Queue[AudioBlock] = queue.Queue(QUEUED_BLOCKS)
        self.lost_blocks = 0
        self._heard_s = time.monotonic()
        try:
            description = sounddevice.query_devices(device, "input")
            self.sample_rate = int(description["default_samplerate"])
            self.channels = min(2, int(description["max_input_channels"]))
            self.name = f"microphone {description['name']}"
            self._stream = sounddevice.InputStream(
                device=device,
                samplerate=self.sample_rate,
                channels=self.channels,
                blocksize=round(block_s * self.sample_rate),
                dtype="float32",
                callback=self._on_block,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SourceError(*_device_problem(sounddevice, device, error)) from error

    def _on_block(self, samples: Samples, frames: int, times: Any, status: Any) -> None:
        """PortAudio's thread: copy and leave, whatever happens."""
        age_s = times.currentTime - times.inputBufferAdcTime - frames / self.sample_rate
        self.lost_blocks += bool(status.input_overflow)
        try:
            self._blocks.put_nowait(AudioBlock(samples.copy(), min(max(age_s, 0.0), 1.0)))
        except queue.Full:
            self.lost_blocks += 1

    def read(self) -> AudioBlock | None:
        """Wait a moment for the next block; SourceError when the device has gone silent."""
        try:
            block = self._blocks.get(timeout=0.1)
        except queue.Empty:
            if time.monotonic() - self._heard_s > LONGEST_SILENCE_OF_A_DEVICE_S:
                raise SourceError(f"{self.name} stopped giving sound", "check its cable") from None
            return None
        self._heard_s = time.monotonic()
        return block

    def close(self) -> None:
        """Stop the device without waiting for what it still holds."""
        self._stream.abort()
        self._stream.close()


def open_source(source: str, block_s: float, loop: bool) -> SoundSource:
    """The source a person named, see `bringup.Settings.microphone`."""
    if source == "auto":
        try:
            return PortAudioInput(None, block_s)
        except SourceError:
            return RecordingSource(DEMONSTRATION_RECORDING, block_s, loop)
    if not source:
        return RecordingSource(DEMONSTRATION_RECORDING, block_s, loop)
    path = Path(source).expanduser()
    if path.is_file():
        return RecordingSource(path, block_s, loop)
    if path.suffix.lower() in SUFFIXES or "/" in source:
        raise SourceError(
            f"there is no file {path.absolute()}",
            "give a sound file, or the number or name of a device (python -m sounddevice)",
        )
    return PortAudioInput(int(source) if source.isdigit() else source, block_s)


def is_demonstration(source: SoundSource) -> bool:
    """Whether the shipped recording plays in place of a microphone."""
    return source.name == f"recording {DEMONSTRATION_RECORDING}"


def _open_recording(path: Path) -> Any:
    soundfile = required("soundfile")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise SourceError(
            f"{path} is not a sound file that libsndfile can read ({error})",
            "give WAV, FLAC, OGG or MP3",
        ) from error
    if file.frames > 0:
        return file
    file.close()
    raise SourceError(f"{path} holds no sound", "name a recording that is not empty")


def _import_sounddevice() -> Any:
    try:
        sounddevice = required("sounddevice")
    except OSError as error:
        raise SourceError(
            f"the PortAudio library is missing ({error})", "sudo apt install libportaudio2"
        ) from error
    # PortAudio lists the devices once, at its start: a microphone plugged in later needs another
    sounddevice._terminate()
    sounddevice._initialize()
    return sounddevice


def _device_problem(
    sounddevice: Any, device: int | str | None, error: Exception
) -> tuple[str, str]:
    inputs = [entry["name"] for entry in sounddevice.query_devices() if entry["max_input_channels"]]
    wanted = "no default microphone" if device is None else f"no microphone {device!r}"
    present = ", ".join(inputs) or "none"
    return (
        f"{wanted} that works ({error}; inputs present: {present})",
        "plug one in, check the sound settings, or name a device or a sound file",
    )
