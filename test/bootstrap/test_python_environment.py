"""When `.venv` is made, updated or left alone, and what is installed into it."""

from pathlib import Path
from typing import Any

import pytest

from uio2_ros.cli.bootstrap import installer, python_environment
from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.python_environment import (
    TEST_EXTRAS,
    USER_EXTRAS,
    choose_torch,
    ensure_environment,
)
from uio2_ros.cli.bootstrap.requirements import project_requirements
from uio2_ros.cli.bootstrap.ros import Ros
from uio2_ros.cli.bootstrap.stamp import read_stamp

WHEELS = Ros()
TORCH_TITLE = "Installing torch (CPU build)"
PACKAGES_TITLE = "Installing packages and ROS 2"
NOT_OFFERED = "ERROR: No matching distribution found for torch==2.13.0+cpu"


@pytest.fixture(autouse=True)
def machine_without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_environment, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(python_environment, "ensure_prerequisites", lambda *_: None)
    monkeypatch.setattr(installer, "_pip_configuration", lambda *_: "")
    monkeypatch.delenv("UIO2_TORCH_SPEC", raising=False)
    monkeypatch.delenv("UIO2_TORCH_INDEX", raising=False)


def test_torch_comes_first_and_as_the_cpu_build(with_venv: Layout, progress: Any) -> None:
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert progress.titles == [
        "Installing uv",
        TORCH_TITLE,
        PACKAGES_TITLE,
        "Checking the installation",
    ]
    assert progress.command(TORCH_TITLE)[-1] == "torch==2.13.0+cpu"


def test_packages_may_not_replace_torch(
    with_venv: Layout, progress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_environment, "_held_versions", lambda *_: ["torch==2.13.0+cpu"])
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    command = progress.command(PACKAGES_TITLE)
    constraints = Path(command[command.index("-c") + 1]).read_text()
    assert constraints == "torch==2.13.0+cpu\n"
    assert str(with_venv.root / "requirements-ros-kilted.txt") in command


def test_nothing_runs_when_nothing_changed(with_venv: Layout, progress: Any) -> None:
    ensure_environment(with_venv, WHEELS, TEST_EXTRAS, progress, assume_yes=False)
    progress.commands.clear()
    ensure_environment(with_venv, WHEELS, TEST_EXTRAS, progress, assume_yes=False)
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert progress.commands == []


def test_tests_add_their_packages_and_keep_them(with_venv: Layout, progress: Any) -> None:
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    ensure_environment(with_venv, WHEELS, TEST_EXTRAS, progress, assume_yes=False)
    assert "pytest>=8" in (with_venv.colcon / "requirements.txt").read_text()
    assert read_stamp(with_venv.environment_stamp)["extras"].split() == sorted(TEST_EXTRAS)


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements-ros-kilted.txt"])
def test_changed_requirements_are_installed(with_venv: Layout, progress: Any, name: str) -> None:
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    progress.commands.clear()
    file = with_venv.root / name
    file.write_text(f"# new\n{file.read_text()}")
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert PACKAGES_TITLE in progress.titles


def test_settings_of_tools_install_nothing(with_venv: Layout, progress: Any) -> None:
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    progress.commands.clear()
    file = with_venv.root / "pyproject.toml"
    file.write_text(f"{file.read_text()}\n[tool.mypy]\nstrict = true\n")
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert progress.commands == []


def test_an_interrupted_installation_is_repeated(with_venv: Layout, progress: Any) -> None:
    progress.failures[PACKAGES_TITLE] = "the cable was pulled"
    with pytest.raises(SetupError, match="cable"):
        ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    progress.failures.clear()
    progress.commands.clear()
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert PACKAGES_TITLE in progress.titles


def test_another_ros_gets_a_new_environment_that_sees_its_packages(
    with_venv: Layout, progress: Any, sourced_ros: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    monkeypatch.setattr(python_environment, "find_python", lambda _: Path("/usr/bin/python3.12"))
    monkeypatch.setattr(python_environment, "_held_versions", lambda *_: ["numpy==1.26.4"])
    monkeypatch.setattr(python_environment, "_project_requirements", lambda *_: "")
    ensure_environment(
        with_venv, Ros("jazzy", sourced_ros, "3.12"), USER_EXTRAS, progress, assume_yes=False
    )
    assert "--system-site-packages" in progress.command("Making the virtual environment .venv")
    assert (with_venv.colcon / "constraints.txt").read_text() == "numpy==1.26.4\n"
    assert "requirements-ros" not in " ".join(progress.command("Installing packages"))


def test_cuda_does_not_come_by_accident(with_venv: Layout, progress: Any) -> None:
    progress.failures[TORCH_TITLE] = NOT_OFFERED
    with pytest.raises(SetupError, match=r"UIO2_TORCH_INDEX.*--yes"):
        ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    assert progress.titles == ["Installing uv", TORCH_TITLE, TORCH_TITLE], "pip says why"


def test_cuda_comes_where_it_was_agreed_to(with_venv: Layout, progress: Any) -> None:
    progress.failures[TORCH_TITLE] = NOT_OFFERED
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=True)
    assert progress.command("Installing torch with CUDA")[-1] == "torch==2.13.0"


def test_a_gpu_asks_for_the_build_with_cuda() -> None:
    assert choose_torch({}, has_gpu=True, recorded={}).requirement == "torch==2.13.0"


def test_without_a_gpu_no_machine_gets_cuda() -> None:
    """PyPI's build for aarch64 has it, too."""
    assert choose_torch({}, has_gpu=False, recorded={}).requirement == "torch==2.13.0+cpu"


def test_a_chosen_torch_is_kept_in_later_shells() -> None:
    chosen = choose_torch({"UIO2_TORCH_SPEC": "torch==2.9.0"}, has_gpu=False, recorded={})
    recorded = {"torch": chosen.requirement, "torch_default": chosen.default}
    assert choose_torch({}, has_gpu=False, recorded=recorded).requirement == "torch==2.9.0"
    assert choose_torch({}, has_gpu=True, recorded=recorded).requirement == "torch==2.13.0"


def test_the_index_of_the_cpu_build_is_used_besides_the_usual_one(
    with_venv: Layout, progress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UIO2_TORCH_INDEX", "https://index.example/cpu")
    ensure_environment(with_venv, WHEELS, USER_EXTRAS, progress, assume_yes=False)
    command = progress.command(TORCH_TITLE)
    assert command[command.index("--extra-index-url") + 1] == "https://index.example/cpu"


def test_requirements_are_those_of_the_project_and_its_extras(layout: Layout) -> None:
    text = (layout.root / "pyproject.toml").read_text()
    assert project_requirements(text, ["dev"]) == ["numpy>=1.26,<3", "pytest>=8", "ruff>=0.9"]
    with pytest.raises(KeyError, match=r"no extras \['docs'\]; it has \[.*'dev'.*'ros'"):
        project_requirements(text, ["docs"])
