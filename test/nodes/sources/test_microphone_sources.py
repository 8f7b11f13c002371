"""Sound of files and devices, without ROS."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from uio2_ros.nodes.sources import microphone_sources
from uio2_ros.nodes.sources.microphone_sources import (
    DEMONSTRATION_RECORDING,
    QUEUED_BLOCKS,
    PortAudioInput,
    RecordingSource,
    is_demonstration,
    open_source,
)
from uio2_ros.nodes.sources.source_error import SourceError

RATE = 8000
BLOCK_S = 0.01
BLOCK = 80


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """200 samples that tell their place: sample i is i / 1000."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(200) / 1000, RATE, subtype="FLOAT")
    return path


def places(samples: np.ndarray) -> list[int]:
    return np.round(samples[:, 0] * 1000).astype(int).tolist()


def test_looped_recording_joins_its_end_to_its_start(ramp: Path) -> None:
    source = open_source(str(ramp), BLOCK_S, loop=True)
    heard = np.concatenate([source.read().samples for _ in range(6)])
    assert places(heard) == [i % 200 for i in range(6 * BLOCK)]


def test_recording_shorter_than_a_block_loops(tmp_path: Path) -> None:
    path = tmp_path / "click.wav"
    soundfile.write(path, np.arange(3) / 1000, RATE, subtype="FLOAT")
    assert places(RecordingSource(path, BLOCK_S, loop=True).read().samples) == [
        i % 3 for i in range(BLOCK)
    ]


def test_recording_played_once_ends_with_an_empty_block(ramp: Path) -> None:
    source = open_source(str(ramp), BLOCK_S, loop=False)
    blocks = [source.read().samples for _ in range(4)]
    assert [len(block) for block in blocks] == [80, 80, 40, 0]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_common_formats_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, 0.5 * np.sin(np.arange(44100 * 2).reshape(-1, 2) / 20), 44100)
    source = open_source(str(path), 0.1, loop=False)
    assert (source.sample_rate, source.channels) == (44100, 2)
    assert source.read().samples.shape == (4410, 2)


def test_file_that_is_no_sound_says_what_to_give(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    with pytest.raises(SourceError, match="is not a sound file") as caught:
        open_source(str(path), BLOCK_S, loop=True)
    assert "WAV" in caught.value.remedy


def test_empty_recording_is_refused_instead_of_looping_forever(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(SourceError, match="holds no sound"):
        open_source(str(path), BLOCK_S, loop=True)


def test_missing_file_is_not_taken_for_a_device(tmp_path: Path) -> None:
    for name in ("speech.wav", str(tmp_path / "speech")):
        with pytest.raises(SourceError, match="there is no file"):
            open_source(name, BLOCK_S, loop=True)


def test_shipped_recording_is_small_speech_of_16_bits() -> None:
    info = soundfile.info(DEMONSTRATION_RECORDING)
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    assert 3.0 < info.duration < 6.0
    assert DEMONSTRATION_RECORDING.stat().st_size < 200_000


class PortAudio(ModuleType):
    """The part of sounddevice that is used, with a device whose callback the test calls."""

    class PortAudioError(Exception):
        pass

    def __init__(self, devices: list[dict[str, Any]]) -> None:
        super().__init__("sounddevice")
        self.devices = devices
        self.initialised = 0
        self.streams: list[SimpleNamespace] = []

    def _terminate(self) -> None:
        self.initialised -= 1

    def _initialize(self) -> None:
        self.initialised += 2

    def query_devices(self, device: object = None, kind: str = "") -> Any:
        if not kind:
            return self.devices
        inputs = [entry for entry in self.devices if entry["max_input_channels"]]
        matching = [entry for entry in inputs if device is None or device == entry["name"]]
        if not matching:
            raise ValueError(f"No input device matching {device!r}")
        return matching[0]

    def InputStream(self, **options: Any) -> SimpleNamespace:
        def nothing() -> None:
            return None

        stream = SimpleNamespace(**options, start=nothing, abort=nothing, close=nothing)
        self.streams.append(stream)
        return stream


@pytest.fixture
def port_audio(monkeypatch: pytest.MonkeyPatch) -> PortAudio:
    headset = {"name": "headset", "max_input_channels": 6, "default_samplerate": 48000.0}
    speaker = {"name": "speaker", "max_input_channels": 0, "default_samplerate": 48000.0}
    port_audio = PortAudio([speaker, headset])
    monkeypatch.setitem(sys.modules, "sounddevice", port_audio)
    return port_audio


def play(stream: SimpleNamespace, samples: np.ndarray, overflow: bool = False) -> None:
    """Hand a block to the callback 30 ms after the device began it, reusing the memory."""
    times = SimpleNamespace(currentTime=5.03, inputBufferAdcTime=5.0)
    stream.callback(samples, len(samples), times, SimpleNamespace(input_overflow=overflow))
    samples[:] = -1.0


def test_device_gives_copies_of_its_blocks_with_their_age(port_audio: PortAudio) -> None:
    source = open_source("headset", BLOCK_S, loop=True)
    assert (source.sample_rate, source.channels, source.live) == (48000, 2, True)
    play(port_audio.streams[0], np.full((480, 2), 0.5, np.float32))
    block = source.read()
    assert block is not None
    assert block.samples.tolist() == [[0.5, 0.5]] * 480
    assert block.age_s == pytest.approx(0.02)


def test_reader_that_falls_behind_loses_counted_blocks_and_blocks_nobody(
    port_audio: PortAudio,
) -> None:
    source = open_source("auto", BLOCK_S, loop=True)
    for _ in range(QUEUED_BLOCKS + 3):
        play(port_audio.streams[0], np.zeros((480, 2), np.float32))
    play(port_audio.streams[0], np.zeros((480, 2), np.float32), overflow=True)
    assert source.lost_blocks == 3 + 2


@pytest.mark.usefixtures("port_audio")
def test_device_gone_silent_is_a_source_error(monkeypatch: pytest.MonkeyPatch) -> None:
    source = PortAudioInput(None, BLOCK_S)
    assert source.read() is None
    monkeypatch.setattr(microphone_sources, "LONGEST_SILENCE_OF_A_DEVICE_S", 0.0)
    with pytest.raises(SourceError, match="stopped giving sound"):
        source.read()


def test_missing_device_lists_the_inputs_present(port_audio: PortAudio) -> None:
    with pytest.raises(SourceError, match=r"no microphone 'webcam'.*inputs present: headset"):
        open_source("webcam", BLOCK_S, loop=True)
    assert port_audio.initialised == 1


def test_auto_without_a_device_is_the_demonstration(port_audio: PortAudio) -> None:
    port_audio.devices.clear()
    assert is_demonstration(open_source("auto", BLOCK_S, loop=True))


def test_missing_python_package_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SourceError, match="pip install sounddevice"):
        open_source("0", BLOCK_S, loop=True)
