"""Recordings as LeRobot data sets, by a contract, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap_ros2")
pytest.importorskip("pyarrow")
from recording.test_recordings_to_samples import (
    Message,
    arm_space,
    base_space,
    joints,
    picture,
    twist,
    write,
)

from uio2_ros import bringup
from uio2_ros.cli.data import main
from uio2_ros.data.import_settings import ImportSettings, RecordingSettings
from uio2_ros.data.lerobot import import_episode
from uio2_ros.data.lerobot_files import LeRobotDataSet
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, DataSetError
from uio2_ros.recording.to_lerobot import LeRobotExport
from uio2_ros.recording.to_samples import import_recording
from uio2_ros.robot.contract import Contract, ContractError, read_contract

CAMERA = "observation.images.front"
ARM = Contract(
    "arm",
    {
        CAMERA: "camera/image_raw",
        "action": "/joint_states",
        "observation.state": "/joint_states",
        "task": "/said",
    },
    "testarm",
)
BASE = Contract("base", {CAMERA: "/camera/image_raw", "action": "/cmd_vel"})


def said(at_s: float, words: str) -> Message:
    return (at_s, "/said", "std_msgs/msg/String", {"data": words})


def numbers(sample: Sample) -> np.ndarray:
    """(steps, n) as precise as LeRobot's."""
    plan = sample.tasks[0].answer.plan
    assert plan is not None
    return np.array([step.values for step in plan.steps], np.float32)


def seconds(first: float, last: float) -> Sequence[float]:
    return [first + number / 10 for number in range(round((last - first) * 10) + 1)]


@pytest.fixture
def reaching(tmp_path: Path) -> Path:
    """Two instructions, one after the other; joints and pictures ten times a second."""
    messages = [joints(at_s) for at_s in seconds(0.0, 4.0)]
    messages += [picture(at_s) for at_s in seconds(0.0, 4.0)]
    messages += [said(0.5, "reach up"), said(2.25, "reach down")]
    return write(tmp_path / "arm.mcap", messages)


def test_each_instruction_is_an_episode_with_its_rows(reaching: Path, tmp_path: Path) -> None:
    written = LeRobotExport(ARM, arm_space()).write((reaching,), tmp_path / "set")
    data = LeRobotDataSet(tmp_path / "set")
    assert (written.episodes, written.frames) == (2, 35)
    told = [(episode.instruction, episode.frames) for episode in data.episodes]
    assert told == [("reach up", 18), ("reach down", 17)]
    assert (data.fps, data.camera, data.stores_video) == (10.0, CAMERA, False)
    assert data.action_names == ("shoulder", "gripper")
    first = data.actions(data.episodes[0])
    np.testing.assert_allclose(first[0], (0.6 - 1, 0.006), atol=1e-6)  # where it is a step later
    reds = [int(pixels[0, 0, 0]) for pixels in data.pictures(data.episodes[1])]
    assert reds == list(range(22, 39))  # the newest that had come


def test_what_is_read_back_is_what_the_recording_gives_to_the_bit(
    reaching: Path, tmp_path: Path
) -> None:
    space = arm_space()
    LeRobotExport(ARM, space).write((reaching,), tmp_path / "set")
    data = LeRobotDataSet(tmp_path / "set")
    settings = ImportSettings(action_space=space, history_frames=0)
    exported = [
        sample for episode in data.episodes for sample in import_episode(data, episode, settings)
    ]
    direct = list(
        import_recording(reaching, RecordingSettings(space, period_s=0.09, history_frames=0))
    )
    pixels = {int(sample.observation.image.pixels[0, 0, 0]): sample for sample in direct}
    compared = 0
    for sample in exported[:15]:  # whose chunks are not cut off by the episode's end
        image = sample.observation.image
        assert image is not None
        same = pixels[int(image.pixels[0, 0, 0])]
        np.testing.assert_array_equal(image.pixels, same.observation.image.pixels)
        np.testing.assert_array_equal(numbers(sample), numbers(same))
        assert sample.tasks[0].instruction == same.tasks[0].instruction
        compared += 1
    assert compared == 15


def test_velocities_are_those_that_held(tmp_path: Path) -> None:
    messages = [twist(at_s, 0.1 * round(at_s * 2) / 2) for at_s in seconds(0.0, 2.0)]
    messages += [picture(at_s) for at_s in seconds(0.0, 2.0)]
    recording = write(tmp_path / "base.mcap", messages)
    LeRobotExport(BASE, base_space(), "drive").write((recording, recording), tmp_path / "set")
    data = LeRobotDataSet(tmp_path / "set")
    assert [episode.instruction for episode in data.episodes] == ["drive", "drive"]
    np.testing.assert_allclose(
        data.actions(data.episodes[1])[:, 0],
        [0.1 * round(at_s * 2) / 2 for at_s in seconds(0.0, 2.0)],
        atol=1e-6,
    )
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text())
    assert (info["codebase_version"], info["total_frames"]) == ("v3.0", 42)
    statistics = json.loads((tmp_path / "set" / "meta" / "stats.json").read_text())
    assert statistics["action"]["count"] == [42]
    assert np.shape(statistics[CAMERA]["mean"]) == (3, 1, 1)


def test_pictures_that_are_missing_are_told(tmp_path: Path) -> None:
    messages = [joints(at_s) for at_s in seconds(0.0, 3.0)]
    messages += [picture(at_s) for at_s in (*seconds(0.0, 1.0), *seconds(2.0, 3.0))]
    recording = write(tmp_path / "gap.mcap", messages)
    contract = replace(ARM, topics={**ARM.topics, "task": ""})
    with pytest.raises(DataSetError, match=r"no picture in the 0\.90 s before 1\.90 s"):
        LeRobotExport(contract, arm_space(), "x").write((recording,), tmp_path / "set")


def test_one_contract_records_trains_and_deploys(
    reaching: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "contract.yaml"
    space = tmp_path / "arm.yaml"
    space.write_text(SPACE)
    file.write_text(
        f"action_space: {space}\ntopics:\n  {CAMERA}: /camera/image_raw\n  action: /joint_states\n"
        "  observation.state: joint_states\n  task: /said\n  camera_info: /camera/camera_info\n"
    )
    contract = read_contract(file)
    assert contract.names == ("/camera/image_raw", "/joint_states", "/said", "/camera/camera_info")
    out = tmp_path / "set"
    assert main(["export", "lerobot", str(reaching), str(out), "--contract", str(file)]) == 0
    assert "2 episodes, 35 frames" in capsys.readouterr().out
    topics_only = file.read_text().replace("  camera_info: /camera/camera_info\n", "")
    file.write_text(topics_only)
    again = tmp_path / "samples"
    words = ["import", "recording", str(reaching), str(again), "--contract", str(file)]
    assert main(words) == 0
    assert len(list(DataSet.open(again).samples())) > 0
    settings = bringup.Settings.parse({"contract": str(file)})
    assert settings.image_topic == "/camera/image_raw"
    own = bringup.Settings.parse({"contract": str(file), "image_topic": "/mine"})
    assert own.image_topic == "/mine"


SPACE = """\
name: arm
kind: continuous
prompt: joints
frame_id: base_link
rate_hz: 10
chunk: 3
dimensions:
  - {name: shoulder, kind: joint, joint: joint1, unit: rad, range: [-3, 3]}
  - {name: gripper, kind: gripper, joint: finger, unit: m, range: [0, 0.1]}
"""


@pytest.mark.parametrize(
    "text",
    [
        "action_space: arm\ntopics: {action: /joint_states}",
        f"action_space: arm\ntopics: {{{CAMERA}: /image, action: /a, speed: /b}}",
    ],
)
def test_contract_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "contract.yaml"
    file.write_text(text)
    with pytest.raises(ContractError, match=r"contract\.yaml:2"):
        read_contract(file)
