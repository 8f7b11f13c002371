"""microphone_node as a process over DDS."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from uio2_ros.msg import AudioChunk

MICROPHONE = "uio2_ros.nodes.sources.microphone"

pytestmark = pytest.mark.ros


def stamp_s(chunk: AudioChunk) -> float:
    return chunk.header.stamp.sec + chunk.header.stamp.nanosec * 1e-9


def joined(chunks: list[AudioChunk], dtype: str) -> np.ndarray:
    return np.concatenate([np.frombuffer(chunk.data, dtype) for chunk in chunks])


def has_level(level: bytes):
    return lambda arrays: any(array.status[0].level == level for array in arrays)


def assert_joined_without_a_seam(chunks: list[AudioChunk], bytes_per_frame: int) -> None:
    for before, after in itertools.pairwise(chunks):
        length_s = len(before.data) / bytes_per_frame / before.sample_rate
        assert stamp_s(after) - stamp_s(before) == pytest.approx(length_s, abs=2e-6)


def test_stereo_file_of_44100_hz_becomes_16000_hz_mono_in_one_piece(
    start_node, listener, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    noise = 0.2 * rng.standard_normal((44100, 2)).cumsum(axis=0) / 40
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.clip(noise, -1, 1), 44100, subtype="PCM_16")
    listener.listen("audio", AudioChunk, 50)
    node = start_node(MICROPHONE, source=path, loop="false", chunk_period=0.05)
    chunks = listener.wait_until(
        "audio", lambda chunks: sum(len(chunk.data) for chunk in chunks) >= 32000
    )
    assert {(c.sample_rate, c.channels, c.encoding) for c in chunks} == {(16000, 1, "S16LE")}
    assert chunks[0].header.frame_id == "microphone"
    assert_joined_without_a_seam(chunks, bytes_per_frame=2)
    samples, _ = soundfile.read(path)
    expected = soxr.resample(samples.mean(axis=1), 44100, 16000, "HQ")
    heard = joined(chunks, "<i2") / 32767
    assert len(heard) == len(expected) == 16000
    np.testing.assert_allclose(heard, expected, atol=2 / 32767)
    assert stamp_s(chunks[-1]) - stamp_s(chunks[0]) == pytest.approx(1.0, abs=0.1)
    assert node.end()[0] == 0


def test_float_stereo_at_another_rate_is_kept_stereo(start_node, listener, tmp_path: Path) -> None:
    path = tmp_path / "sides.wav"
    soundfile.write(path, np.tile([0.25, -0.5], (24000, 1)), 24000, subtype="FLOAT")
    listener.listen("audio", AudioChunk, 50)
    start_node(MICROPHONE, source=path, channels=2, encoding="F32LE", sample_rate=48000)
    chunks = listener.wait("audio", 6)
    assert {(c.sample_rate, c.channels, c.encoding) for c in chunks} == {(48000, 2, "F32LE")}
    assert_joined_without_a_seam(chunks, bytes_per_frame=8)
    frames = joined(chunks[3:], "<f4").reshape(-1, 2)
    np.testing.assert_allclose(frames, np.tile([0.25, -0.5], (len(frames), 1)), atol=1e-4)


def test_demonstration_recording_plays_in_real_time_and_loops(
    start_node, listener, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text(
        "class PortAudioError(Exception): pass\n"
        "def _terminate(): pass\n"
        "_initialize = _terminate\n"
        "def query_devices(device=None, kind=None):\n"
        "    if kind: raise PortAudioError('no default input device')\n"
        "    return []\n"
    )
    listener.listen("audio", AudioChunk, 50)
    listener.listen("/diagnostics", DiagnosticArray)
    node = start_node(MICROPHONE, in_front(tmp_path, start_node), chunk_period=0.5)
    chunks = listener.wait("audio", 10)
    assert stamp_s(chunks[-1]) - stamp_s(chunks[0]) == pytest.approx(4.5, abs=1e-4)
    reports = listener.wait_until("/diagnostics", has_level(DiagnosticStatus.WARN))
    assert "demonstration recording" in reports[-1].status[0].message
    code, output = node.end(signal.SIGTERM)
    assert code == 0
    assert "playing the demonstration recording" in output


def in_front(folder: Path, start_node) -> dict[str, str]:
    """An environment whose Python finds the modules of `folder` first."""
    return {"PYTHONPATH": f"{folder}:{start_node.environment['PYTHONPATH']}"}


def test_missing_portaudio_is_a_diagnostic_with_its_remedy(
    start_node, listener, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    listener.listen("/diagnostics", DiagnosticArray)
    node = start_node(MICROPHONE, in_front(tmp_path, start_node), source=0)
    reports = listener.wait_until("/diagnostics", has_level(DiagnosticStatus.ERROR))
    report = reports[-1].status[0]
    assert "PortAudio library is missing" in report.message
    assert report.values[0].value == "sudo apt install libportaudio2"
    assert node.end()[0] == 0


def test_missing_file_is_tried_again_until_it_is_there(
    start_node, listener, tmp_path: Path
) -> None:
    path = tmp_path / "later.wav"
    listener.listen("/diagnostics", DiagnosticArray)
    listener.listen("audio", AudioChunk, 50)
    start_node(MICROPHONE, source=path, retry_period=0.2)
    reports = listener.wait_until("/diagnostics", has_level(DiagnosticStatus.ERROR))
    assert "later.wav" in reports[-1].status[0].message
    soundfile.write(tmp_path / "new.wav", np.zeros(8000), 16000)
    (tmp_path / "new.wav").rename(path)
    listener.wait("audio", 2)
    listener.wait_until("/diagnostics", has_level(DiagnosticStatus.OK))
