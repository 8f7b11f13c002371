"""The Dockerfile keeps in step with what ./uio2 installs, and with good manners."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from uio2_ros.cli.bootstrap.prerequisites import PREREQUISITES
from uio2_ros.cli.bootstrap.python_environment import TORCH_VERSION
from uio2_ros.cli.bootstrap.ros import SUPPORTED_DISTROS
from uio2_ros.cli.commands import COMMANDS

REPOSITORY = Path(__file__).parents[2]
WITHOUT_WHEELS_OR_DEBIAN = {"audio_common_msgs", "foxglove_msgs"}
"""Stand-ins whose originals are not in every ROS distribution."""


def instructions() -> list[tuple[str, str]]:
    """Keyword and arguments, continuation lines joined."""
    text = (REPOSITORY / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(keyword, arguments) for keyword, arguments in found]


def of(keyword: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == keyword]


def installed() -> set[str]:
    """Debian packages."""
    (step,) = [arguments for arguments in of("RUN") if "apt-get install" in arguments]
    words = step.split("--no-install-recommends")[1].split("&&")[0].split()
    return {word.strip('"') for word in words}


def test_torch_and_ros_are_those_of_the_set_up() -> None:
    arguments = dict(line.partition("=")[::2] for line in of("ARG"))
    assert arguments["TORCH_VERSION"] == TORCH_VERSION
    assert arguments["ROS_DISTRO"] in SUPPORTED_DISTROS
    assert arguments["VARIANT"] == "cpu"
    assert of("FROM") == ["ros:${ROS_DISTRO}-ros-base"]


def test_everything_that_the_set_up_would_ask_for_is_installed() -> None:
    assert {item.packages["apt-get"] for item in PREREQUISITES} <= installed()


def test_originals_of_the_stand_ins_are_installed() -> None:
    stand_ins = {file.parent.name for file in (REPOSITORY / "compat").glob("*/package.xml")}
    wanted = stand_ins - WITHOUT_WHEELS_OR_DEBIAN
    names = {f"ros-${{ROS_DISTRO}}-{name.replace('_', '-')}" for name in wanted}
    assert names == {name for name in installed() if name.startswith("ros-")}


def test_the_set_up_is_that_of_the_command_and_variants_are_checked() -> None:
    (step,) = [arguments for arguments in of("RUN") if "./uio2" in arguments]
    assert "./uio2 --yes env" in step
    assert 'UIO2_TORCH_SPEC="torch==${TORCH_VERSION}+cpu"' in step
    assert 'UIO2_TORCH_SPEC="torch==${TORCH_VERSION}"' in step
    script = step.split("pip ", 1)[1]
    choice = script.split("&&")[0]
    for variant, code in (("cpu", 0), ("cuda", 0), ("gpu", 1)):
        command = ["bash", "-c", f"VARIANT={variant}; {choice}"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code


def test_every_step_is_a_correct_script() -> None:
    for step in of("RUN"):
        script = re.sub(r"^--mount=\S+ ", "", step)
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_the_entry_runs_the_commands_and_the_default_is_one() -> None:
    (entry,) = map(json.loads, of("ENTRYPOINT"))
    (default,) = map(json.loads, of("CMD"))
    assert "exec python -m uio2_ros.cli" in entry[3]
    assert default[0] in COMMANDS
    script = entry[3].replace("source /opt/uio2_ros/environment.sh", "true")
    script = script.replace("exec python -m uio2_ros.cli", "printf '%s,'")
    command = ["bash", "-c", script, entry[4], "ask", "find the cup"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout == "ask,find the cup,"


def test_manners() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    assert not of("ADD")
    assert "sudo" not in text
    assert ":latest" not in text
    for step in of("RUN"):
        if "apt-get" in step:
            assert "--no-install-recommends" in step
            assert step.endswith("rm -rf /var/lib/apt/lists/*")
    assert all(folder.startswith("/") for folder in of("WORKDIR"))
    assert "pipefail" in of("SHELL")[0]


def test_what_is_made_here_stays_out_and_what_is_needed_goes_in() -> None:
    ignored = set((REPOSITORY / ".dockerignore").read_text().split())
    made = {line.strip("/") for line in (REPOSITORY / ".gitignore").read_text().split()}
    assert {".git", ".venv", ".colcon"} <= ignored
    assert {name for name in made if "*" not in name and name != "__pycache__"} <= ignored
    needed = ("uio2", "uio2_ros", "msg", "srv", "action", "compat", "config", "launch", "scripts")
    for name in (*needed, "package.xml", "CMakeLists.txt", "pyproject.toml", "behavior_trees"):
        assert (REPOSITORY / name).exists()
        assert name not in ignored


def test_every_build_argument_is_documented() -> None:
    told = (REPOSITORY / "docs/docker.md").read_text()
    for line in of("ARG"):
        assert f"`{line.partition('=')[0]}`" in told
