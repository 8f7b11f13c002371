"""`./uio2 env` with a stand-in of a sourced ROS 2, from nothing to the lines for the shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from uio2_ros.cli.bootstrap import python_environment
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.main import main
from uio2_ros.cli.bootstrap.ros import Ros

PYTHON = f"""\
#!/bin/sh
# A Python that notes what is asked of it and does so where that installs nothing.
echo "$*" >> {{log}}
for last; do :; done
case " $* " in
  *" -m venv "*)
    mkdir -p "$last/bin"
    cp "$0" "$last/bin/python"
    printf '#!/bin/sh\\necho "colcon $*" >> {{log}}\\nmkdir -p {{install}}\\n' > "$last/bin/colcon"
    chmod +x "$last/bin/colcon" ;;
  *" -m pip "* | *" import torch, cv2, rclpy "*) ;;
  *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_a_sourced_lyrical_is_set_up_and_used(
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
) -> None:
    prefix, log = tmp_path / "opt" / "ros" / "lyrical", tmp_path / "log"
    for folder in ("share/rclpy", f"lib/python{version}/site-packages/rclpy"):
        (prefix / folder).mkdir(parents=True)
    python = tmp_path / f"python{version}"
    python.write_text(PYTHON.format(log=log, install=layout.install))
    python.chmod(0o755)

    def found(ros: Ros) -> Path:
        assert ros == Ros("lyrical", prefix, version)
        return python

    monkeypatch.setattr(python_environment, "find_python", found)
    monkeypatch.setattr(python_environment, "ensure_prerequisites", lambda *_: None)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    monkeypatch.setenv("ROS_DISTRO", "lyrical")
    monkeypatch.delenv("UIO2_ROS", raising=False)

    assert main(layout.root, ["env"]) == 0, capsys.readouterr().err
    exports = capsys.readouterr().out
    assert f"export AMENT_PREFIX_PATH={layout.install}:{prefix}\n" in exports
    assert f"export VIRTUAL_ENV={layout.venv}\n" in exports
    assert "ROS_DISTRO" not in exports, "it stays what was sourced"
    done = log.read_text()
    assert f"-m venv --system-site-packages {layout.venv}" in done
    assert "requirements-ros" not in done, "no wheels of ROS"
    assert f"-DPython3_EXECUTABLE={layout.python}" in done
    assert "PYTHON_OVER_FASTDDS_ONLY" not in done, "the middleware is the user's choice"

    log.write_text("")
    assert main(layout.root, ["env"]) == 0
    assert log.read_text() == "", "nothing to do the second time"
