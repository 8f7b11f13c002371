"""agent.launch.py under `ros2 launch`, where that is installed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from patience import patient

from uio2_ros import bringup

pytest.importorskip("launch_ros", reason="launch_ros is not installed")
pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(shutil.which("ros2") is None, reason="ros2 launch is not installed"),
]

LAUNCH_FILE = str(Path(__file__).parents[2] / "launch" / "agent.launch.py")


def test_show_args_lists_every_argument(ros_environment: dict[str, str]) -> None:
    words = ["ros2", "launch", LAUNCH_FILE, "--show-args"]
    shown = subprocess.run(
        words, env=ros_environment, capture_output=True, text=True, check=True, timeout=patient(60)
    )
    for argument in bringup.ARGUMENTS.values():
        assert f"'{argument.name}':" in shown.stdout


def test_launched_graph_ends_cleanly_at_ctrl_c(
    ros_environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ["ros2", "launch", LAUNCH_FILE, "microphone:=off"]
    with log.open("w") as output:
        launch = subprocess.Popen(
            words, env=ros_environment, stdout=output, stderr=output, start_new_session=True
        )
    wait_for(log, r"^\[camera_node-\d+\] .* on /image", launch)
    wait_for(log, r"^\[agent_node-\d+\] ", launch)
    os.killpg(launch.pid, signal.SIGINT)
    assert launch.wait(timeout=patient(20)) == 0, log.read_text()
    assert log.read_text().count("process has finished cleanly") == 2
    with pytest.raises(ProcessLookupError):
        os.killpg(launch.pid, 0)


def wait_for(log: Path, pattern: str, launch: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + patient(60)
    while not re.search(pattern, log.read_text(), re.MULTILINE):
        assert launch.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.1)
