import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["uio2_ros.decoding", "uio2_ros.tasks"])
def test_import_needs_neither_torch_nor_ros(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'rclpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
