"""What the simulator takes to be imported, and what it says where that is missing."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    ).stderr


def test_neither_torch_nor_ros_is_imported() -> None:
    code = "import sys, uio2_ros.sim; sys.exit(' '.join({'torch', 'rclpy'} & set(sys.modules)))"
    assert run(code).strip() == ""


def test_a_missing_mujoco_is_named_with_the_extra_that_brings_it() -> None:
    code = "import sys; sys.modules['mujoco'] = None; import uio2_ros.sim"
    assert "pip install 'uio2_ros[sim]'" in run(code)
