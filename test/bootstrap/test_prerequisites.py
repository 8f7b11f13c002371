"""What the machine lacks is named together with the command that installs it."""

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from uio2_ros.cli.bootstrap import prerequisites
from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.prerequisites import (
    PREREQUISITES,
    Prerequisite,
    check_platform,
    ensure_prerequisites,
    find_python,
    has_software_driver,
    install_commands,
    missing_prerequisites,
)
from uio2_ros.cli.bootstrap.ros import Ros

PYTHON = Path(sys.executable)


def absent(name: str, required: bool = True) -> Prerequisite:
    packages = {"apt-get": f"lib{name}", "dnf": name, "zypper": name, "pacman": name}
    return Prerequisite(name, "does things", packages, lambda _: False, required)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with apt-get and no sudo, used by somebody who is not root."""
    there = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(shutil, "which", lambda name, **_: there.get(name))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_this_machine_has_everything_it_takes() -> None:
    assert [item.name for item in missing_prerequisites(PYTHON) if item.required] == []


def test_every_prerequisite_has_a_package_for_every_known_manager() -> None:
    for item in PREREQUISITES:
        assert set(item.packages) == set(prerequisites.INSTALL_COMMANDS)


@pytest.mark.parametrize(
    "driver", ["lib/x86_64-linux-gnu/dri/swrast_dri.so", "lib64/libgallium-25.0.so"]
)
def test_mesa_is_found_where_distributions_put_it(tmp_path: Path, driver: str) -> None:
    assert not has_software_driver(tmp_path)
    (tmp_path / driver).parent.mkdir(parents=True)
    (tmp_path / driver).touch()
    assert has_software_driver(tmp_path)


def test_what_draws_the_simulator_is_optional() -> None:
    drawing = [item for item in PREREQUISITES if "simulator" in item.purpose]
    assert [item.required for item in drawing] == [False, False]


@pytest.mark.usefixtures("debian")
def test_the_command_updates_the_lists_and_asks_for_rights() -> None:
    update, install = install_commands([absent("one"), absent("two")])
    assert update == ["sudo", "apt-get", "update"]
    assert install[:3] == ["sudo", "apt-get", "install"]
    assert install[-2:] == ["libone", "libtwo"]


@pytest.mark.usefixtures("debian")
def test_what_is_required_and_missing_stops_with_the_command(
    monkeypatch: pytest.MonkeyPatch, progress: Any
) -> None:
    monkeypatch.setattr(prerequisites, "PREREQUISITES", (absent("g++"),))
    with pytest.raises(SetupError, match=r"missing: g\+\+.*\n.*apt-get install .*libg\+\+"):
        ensure_prerequisites(PYTHON, progress, assume_yes=True)


@pytest.mark.usefixtures("debian")
def test_what_is_optional_and_missing_is_a_note(
    monkeypatch: pytest.MonkeyPatch, progress: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prerequisites, "PREREQUISITES", (absent("portaudio", required=False),))
    ensure_prerequisites(PYTHON, progress, assume_yes=False)
    assert "missing: portaudio (optional; does things)" in capsys.readouterr().err


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize(("agreed", "runs"), [(True, 2), (False, 0)])
def test_root_installs_only_what_was_agreed_to(
    monkeypatch: pytest.MonkeyPatch, progress: Any, agreed: bool, runs: int
) -> None:
    executed: list[Sequence[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(prerequisites, "PREREQUISITES", (absent("sound", required=False),))
    monkeypatch.setattr(prerequisites, "_install", lambda commands, _: executed.extend(commands))
    ensure_prerequisites(PYTHON, progress, assume_yes=agreed)
    assert len(executed) == runs


@pytest.mark.parametrize(
    ("system", "machine", "way_out"),
    [("Darwin", "arm64", "use such a machine"), ("Linux", "aarch64", "install and source ROS 2")],
)
def test_other_platforms_are_refused_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, way_out: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(SetupError, match=f"{system} on {machine}, .* Linux on x86_64: {way_out}"):
        check_platform(Ros())


def test_a_ros_of_its_own_makes_an_aarch64_machine_do(
    monkeypatch: pytest.MonkeyPatch, sourced_ros: Path
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    check_platform(Ros("lyrical", sourced_ros, "3.14"))


def test_an_old_c_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.17"))
    with pytest.raises(SetupError, match=r"glibc 2\.17, expected 2\.28"):
        check_platform(Ros())


def test_a_missing_python_is_named(monkeypatch: pytest.MonkeyPatch, sourced_ros: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(SetupError, match=r"no Python 3\.99 found.*install python3\.99"):
        find_python(Ros("jazzy", sourced_ros, "3.99"))
