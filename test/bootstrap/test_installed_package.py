"""What colcon and pip install works on its own, without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS = """
import uio2_ros.action, uio2_ros.msg, uio2_ros.srv
import uio2_ros.robot.errors
from rclpy.type_support import check_for_type_support
check_for_type_support(uio2_ros.action.Instruct)
assert uio2_ros.msg.InstructionResult.TIMEOUT == uio2_ros.robot.errors.ErrorCode.TIMEOUT
"""


def overlaid_with(prefix: Path) -> dict[str, str]:
    """The environment without the checkout's sources, and with this prefix before all others."""
    environ = dict(os.environ)
    folders = [*prefix.glob("lib/python3*/site-packages")]
    for name, first in (
        ("PYTHONPATH", [*folders, *prefix.glob("local/lib/python3*/dist-packages")]),
        ("AMENT_PREFIX_PATH", [prefix]),
        ("LD_LIBRARY_PATH", [prefix / "lib"]),
    ):
        inherited = environ.get(name, "").split(os.pathsep)
        kept = [entry for entry in inherited if entry and entry != str(ROOT)]
        environ[name] = os.pathsep.join([*map(str, first), *kept])
    return environ


def run_python(code: str, environ: dict[str, str], folder: Path, python: Path) -> str:
    done = subprocess.run(
        [python, "-c", code], env=environ, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copied_checkout(folder: Path) -> Path:
    """The sources, so that building leaves nothing behind in them."""
    copy = folder / "uio2_ros"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "install", "log", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


@pytest.fixture(scope="module")
def copied_install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package built by `colcon build` as in anybody's workspace: copied, not linked."""
    workspace = tmp_path_factory.mktemp("workspace")
    copied_checkout(workspace)
    flags = ["-DCMAKE_C_FLAGS=-O0", "-DCMAKE_CXX_FLAGS=-O0", "-DBUILD_TESTING=OFF"]
    if sys.prefix in os.environ["AMENT_PREFIX_PATH"].split(os.pathsep):
        flags.append("-DPYTHON_OVER_FASTDDS_ONLY=ON")  # wheels, and the set-up's lean messages
    command = ["colcon", "build", "--merge-install", "--event-handlers", "console_cohesion+"]
    command += ["--cmake-args", *flags, f"-DPython3_EXECUTABLE={sys.executable}"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace / "install"


@pytest.mark.ros
@pytest.mark.timeout(900)
def test_a_workspace_build_has_sources_and_messages_in_one_package(
    copied_install: Path, tmp_path: Path
) -> None:
    environ = overlaid_with(copied_install)
    code = f"{IMPORTS}\nprint(uio2_ros.robot.errors.__file__, uio2_ros.msg.__file__, sep='\\n')"
    for file in run_python(code, environ, tmp_path, Path(sys.executable)).splitlines():
        assert file.startswith(str(copied_install))


@pytest.mark.ros
@pytest.mark.timeout(900)
def test_a_workspace_build_has_what_ros2_launch_and_run_look_for(copied_install: Path) -> None:
    for name in ("agent_node", "camera_node", "microphone_node"):
        assert os.access(copied_install / "lib" / "uio2_ros" / name, os.X_OK)
    share = copied_install / "share" / "uio2_ros"
    assert (share / "launch" / "agent.launch.py").is_file()
    assert (share / "config" / "fastdds.xml").is_file()
    assert not list(copied_install.rglob("*.launch.pyc"))


@pytest.mark.ros
def test_the_checkouts_own_build_works_without_its_sources_on_the_path(tmp_path: Path) -> None:
    own = ROOT / ".colcon" / "install"
    run_python(IMPORTS, overlaid_with(own), tmp_path, Path(sys.executable))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new virtual environment after `pip install .`, dependencies borrowed."""
    folder = tmp_path_factory.mktemp("library")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    site = next((folder / "venv").glob("lib/python3*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "venv" / "bin" / "python"
    command = [python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--quiet"]
    source = copied_checkout(folder)
    done = subprocess.run(
        [*command, "--force-reinstall", source], env=bare(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return python


def bare() -> dict[str, str]:
    names = ("PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if name not in names}


@pytest.mark.timeout(600)
def test_the_library_is_usable_without_ros(library: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['rclpy'] = None\n"
        "import uio2_ros, uio2_ros.model, uio2_ros.processing, uio2_ros.tasks\n"
        "from uio2_ros.inference import Engine\n"
        "engine = Engine.synthetic('tiny', device='cpu')\n"
        "assert engine.synthetic_weights\n"
        "from uio2_ros.robot.action_space import load_action_spaces\n"
        "assert load_action_spaces()\n"
        "print(uio2_ros.__file__)"
    )
    where = run_python(code, bare(), tmp_path, library)
    assert where.startswith(str(library.parents[1]))


@pytest.mark.timeout(600)
def test_the_library_brings_its_data(library: Path, tmp_path: Path) -> None:
    code = "import uio2_ros; print(uio2_ros.__path__[0])"
    installed = Path(run_python(code, bare(), tmp_path, library))
    tracked = subprocess.run(
        ["git", "ls-files", "uio2_ros"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.split():
        if (ROOT / name).exists():
            assert (installed.parent / name).is_file(), f"{name} is not packaged"
