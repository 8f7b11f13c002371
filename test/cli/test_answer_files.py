"""Pictures and sound of an answer as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from uio2_ros.cli.answer_files import save_answer
from uio2_ros.cli.ask import _save_contents, _show
from uio2_ros.client import AgentAnswer
from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.tasks.routing import Suggestion


def test_depth_is_millimetres_and_zero_where_unknown(tmp_path: Path) -> None:
    metres = np.array([[1.5, np.nan], [0.0, 70.0]], np.float32)
    (path,) = save_answer(Answer(pictures=(Picture("depth", metres),)), tmp_path / "a.jpg")
    assert path == tmp_path / "a_depth.png"
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert (read.dtype, read.tolist()) == (np.uint16, [[1500, 0], [0, 0]])


def test_pictures_of_one_role_are_numbered(tmp_path: Path) -> None:
    mask = np.array([[0, 255]], np.uint8)
    red = np.array([[[255, 0, 0]]], np.uint8)
    pictures = (Picture("mask", mask), Picture("mask", 255 - mask), Picture("generated", red))
    paths = save_answer(Answer(pictures=pictures), tmp_path / "a.png")
    assert [path.name for path in paths] == ["a_mask_1.png", "a_mask_2.png", "a_generated.png"]
    assert cv2.imread(str(paths[1]), cv2.IMREAD_UNCHANGED).tolist() == [[255, 0]]
    assert cv2.imread(str(paths[2])).tolist() == [[[0, 0, 255]]]  # OpenCV reads BGR


def test_normals_towards_the_camera_are_blue(tmp_path: Path) -> None:
    normals = np.array([[[0, 0, -1], [1, 0, 0], [0, -1, 0]]], np.float32)
    (path,) = save_answer(Answer(pictures=(Picture("normals", normals),)), tmp_path / "a.png")
    facing, right, up = cv2.imread(str(path))[0, :, ::-1].astype(int)
    assert (facing.argmax(), right.argmax(), up.argmax()) == (2, 0, 1)


def test_sound_is_a_wav_of_the_same_samples(tmp_path: Path) -> None:
    samples = np.linspace(-1, 1, 1600, dtype=np.float32)
    (path,) = save_answer(Answer(audio=(samples,)), tmp_path / "a.png")
    read, rate_hz = soundfile.read(path, dtype="float32")
    assert (path.name, rate_hz) == ("a.wav", 16000)
    np.testing.assert_array_equal(read, samples)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    answer = Answer(pictures=(Picture("mask", np.zeros((2, 2), np.uint8)),))
    with pytest.raises(OSError, match="is its folder there"):
        save_answer(answer, tmp_path / "no" / "a.png")


def test_ask_names_the_files_or_says_why_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = AgentAnswer(pictures=(Picture("mask", np.zeros((2, 3), np.uint8)),))
    (path,) = _save_contents(answer, tmp_path / "uio2_answer.png")
    _show(answer, Suggestion("segment", "cup", "as asked"), None, [path])
    assert f"file      {tmp_path / 'uio2_answer_mask.png'}" in capsys.readouterr().out
    assert _save_contents(answer, tmp_path / "no" / "a.png") == []
    assert "cannot be written; is its folder there?" in capsys.readouterr().err
