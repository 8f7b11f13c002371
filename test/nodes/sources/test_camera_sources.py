"""Pictures of files, folders, videos and devices, without ROS."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uio2_ros.media.films import open_film
from uio2_ros.nodes.sources import camera_sources
from uio2_ros.nodes.sources.camera_sources import (
    DeviceFormat,
    Folder,
    Still,
    V4L2Camera,
    Video,
    frame_age_s,
    is_demonstration,
    open_source,
)
from uio2_ros.nodes.sources.source_error import SourceError

ANY_FORMAT = DeviceFormat()
CASES = Path(__file__).parents[2] / "media" / "cases"


def gray(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames at 10 Hz; frame i is of gray level 20 i."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    for index in range(10):
        writer.write(gray(20 * index))
    writer.release()
    return path


def level(picture: camera_sources.CameraFrame) -> int:
    return round(float(picture.bgr.mean()) / 20)


def test_picture_file_is_shown_again_and_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), gray(7))
    source = open_source(str(tmp_path / "a.png"), ANY_FORMAT)
    assert isinstance(source, Still)
    assert source.read(0.0).bgr is source.read(9.0).bgr
    assert source.read(0.0).bgr.tolist() == gray(7).tolist()


def test_folder_shows_its_pictures_by_name_then_starts_again(tmp_path: Path) -> None:
    for name, value in (("b.png", 40), ("a.png", 20), ("c.bmp", 60)):
        cv2.imwrite(str(tmp_path / name), gray(value))
    (tmp_path / "notes.txt").write_text("no picture")
    source = open_source(str(tmp_path), ANY_FORMAT)
    assert isinstance(source, Folder)
    assert [level(source.read(0.0)) for _ in range(5)] == [1, 2, 3, 1, 2]


def test_video_runs_in_real_time_and_skips_frames_nobody_is_due(video: Path) -> None:
    source = open_source(str(video), ANY_FORMAT)
    assert isinstance(source, Video)
    assert source.rate_hz == pytest.approx(10.0)
    assert [level(source.read(5.0 + 0.1 * i)) for i in (0, 1, 2, 4, 8)] == [0, 1, 2, 4, 8]


def test_video_starts_again_at_its_end(video: Path) -> None:
    source = open_source(str(video), ANY_FORMAT)
    levels = [level(source.read(0.1 * i)) for i in range(23)]
    assert levels == [*range(10), *range(10), 0, 1, 2]


def test_a_file_of_a_folder_that_cannot_be_read_is_skipped_and_named(tmp_path: Path) -> None:
    for name, value in (("a.png", 20), ("c.png", 60)):
        cv2.imwrite(str(tmp_path / name), gray(value))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:-30])
    (tmp_path / "d.png").write_bytes((CASES / "bomb.png").read_bytes())
    source = open_source(str(tmp_path), ANY_FORMAT)
    assert source.warning == ""
    assert [level(source.read(0.0)) for _ in range(4)] == [1, 3, 1, 3]
    assert source.warning.startswith("2 of 4 files are skipped (b.png, d.png)")
    assert "truncated" in source.warning
    (tmp_path / "b.png").write_bytes(whole)
    assert [level(source.read(0.0)) for _ in range(3)] == [1, 1, 3]
    assert source.warning.startswith("1 of 4 files are skipped (d.png)")


def test_a_folder_of_nothing_that_can_be_read_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path), ANY_FORMAT)
    with pytest.raises(SourceError, match=r"no picture of folder .* 1 of 1 files are skipped"):
        source.read(0.0)


def test_a_video_that_pauses_is_played_with_its_pause() -> None:
    """The phone's film shows nothing new for more than a second."""
    source = open_source(str(CASES / "paused.mp4"), ANY_FORMAT)
    with open_film(CASES / "paused.mp4") as film:
        times = [shown.time_s for shown in film.from_()]
    longest = int(np.argmax(np.diff(times)))
    source.read(0.0)
    shown = [source.read(times[longest] + ahead_s).bgr for ahead_s in (0.01, 0.5, 1.0)]
    assert shown[0] is shown[1] is shown[2]
    assert source.read(times[longest + 1] + 0.01).bgr is not shown[2]


def test_a_video_that_was_cut_is_a_source_error_where_it_ends() -> None:
    source = open_source(str(CASES / "faststart_cut.mp4"), ANY_FORMAT)
    source.read(0.0)
    source.read(3.0)
    with pytest.raises(SourceError, match="cut short") as caught:
        source.read(9.0)
    assert "re-encode" in caught.value.remedy
    source.close()


def test_grayscale_and_transparent_pictures_become_bgr(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((4, 5), 9, np.uint8))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((4, 5, 4), 9, np.uint8))
    for name in ("gray.png", "alpha.png"):
        assert open_source(str(tmp_path / name), ANY_FORMAT).read(0.0).bgr.shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("broken.jpg", b"no picture", "no picture that can be read"),
        ("broken.mp4", b"no video", "is not a video"),
        ("empty.png", b"", "no picture that can be read"),
    ],
)
def test_unreadable_file_says_what_to_give(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=problem) as caught:
        open_source(str(tmp_path / name), ANY_FORMAT)
    assert "give a" in caught.value.remedy


def test_missing_file_says_what_may_be_given(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file or folder .*nothing\.png") as caught:
        open_source(str(tmp_path / "nothing.png"), ANY_FORMAT)
    assert "/dev/video0" in caught.value.remedy


def test_folder_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures"):
        open_source(str(tmp_path), ANY_FORMAT)


@pytest.mark.parametrize("name", ["97", "/dev/video97"])
def test_missing_camera_lists_those_present(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_sources, "cameras_present", lambda: ["/dev/video4"])
    with pytest.raises(SourceError, match=r"no camera /dev/video97 \(present: /dev/video4\)"):
        open_source(name, ANY_FORMAT)


def test_auto_without_a_camera_is_the_demonstration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_sources, "cameras_present", lambda: ["/dev/null"])
    source = open_source("auto", ANY_FORMAT)
    assert is_demonstration(source)
    assert source.read(0.0).bgr.shape == (400, 600, 3)
    assert is_demonstration(open_source("", ANY_FORMAT))


class Driver:
    """What OpenCV does for a 30 Hz camera, on a clock that advances with each frame."""

    def __init__(self, *_: object) -> None:
        self.now_s = 100.0
        self.frames_left = 1000
        self.decoded = 0
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:
        return True

    def set(self, setting: int, value: float) -> None:
        self.asked[setting] = value

    def get(self, setting: int) -> float:
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_POS_MSEC: (self.now_s - 0.02) * 1e3}[setting]

    def grab(self) -> bool:
        self.now_s += 1 / 30
        self.frames_left -= 1
        return self.frames_left > 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        self.decoded += 1
        return True, gray(1)

    def release(self) -> None:
        self.frames_left = 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    driver = Driver()
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: driver)
    monkeypatch.setattr(camera_sources.time, "monotonic", lambda: driver.now_s)
    return driver


def test_frame_of_a_camera_that_is_not_due_is_not_decoded(driver: Driver) -> None:
    source = V4L2Camera("/dev/null", ANY_FORMAT)
    due_s = driver.now_s + 1.0
    pictures = [source.read(due_s) for _ in range(32)]
    shown = [picture for picture in pictures if picture]
    assert 1 <= driver.decoded == len(shown) <= 3
    assert pictures[28] is None


def test_picture_of_a_camera_knows_its_age(driver: Driver) -> None:
    picture = V4L2Camera("/dev/null", ANY_FORMAT).read(driver.now_s)
    assert picture is not None
    assert picture.age_s == pytest.approx(0.02, abs=1e-9)


def test_camera_is_asked_for_the_wanted_format_only(driver: Driver) -> None:
    V4L2Camera("/dev/null", DeviceFormat(width=640, rate_hz=15.0))
    assert driver.asked == {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FPS: 15.0}


def test_unplugged_camera_is_a_source_error(driver: Driver) -> None:
    source = V4L2Camera("/dev/null", ANY_FORMAT)
    driver.frames_left = 1
    with pytest.raises(SourceError, match="stopped giving pictures"):
        source.read(0.0)


def test_device_that_is_no_camera_is_a_source_error() -> None:
    with pytest.raises(SourceError, match="/dev/null cannot be opened as a camera"):
        open_source("/dev/null", ANY_FORMAT)


@pytest.mark.parametrize(
    ("driver_time_s", "age_s"), [(9.9, 0.1), (0.0, 0.0), (11.0, 0.0), (1.7e9, 0.0)]
)
def test_age_from_another_clock_is_not_believed(driver_time_s: float, age_s: float) -> None:
    assert frame_age_s(driver_time_s, now_s=10.0) == pytest.approx(age_s)
