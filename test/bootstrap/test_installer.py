"""What installs packages, and that pip's settings hold for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from uio2_ros.cli.bootstrap import installer
from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.installer import Installer, uv_settings
from uio2_ros.cli.bootstrap.layout import Layout


def installs_with(layout: Layout, progress: Any, *, sees_system: bool = False) -> list[str]:
    """The programs that are tried for one requirement, in order."""
    Installer.of(layout, {}, progress, sees_system=sees_system).install("Installing six", "six")
    return [program(command) for title, command in progress.commands if title == "Installing six"]


def program(command: list[str]) -> str:
    return command[2] if command[1] == "-m" else Path(command[0]).name


@pytest.fixture(autouse=True)
def pip_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "_pip_configuration", lambda *_: "")


def test_uv_installs_and_is_installed_first(layout: Layout, progress: Any) -> None:
    assert installs_with(layout, progress) == ["uv"]
    assert progress.titles[0] == "Installing uv"


def test_pip_installs_what_uv_could_not(layout: Layout, progress: Any) -> None:
    progress.failures["Installing six"] = "no such index"
    with pytest.raises(SetupError):
        installs_with(layout, progress)
    assert [program(command) for _, command in progress.commands] == ["pip", "uv", "pip"]


def test_pip_installs_where_there_is_no_uv(layout: Layout, progress: Any) -> None:
    progress.failures["Installing uv"] = "No matching distribution found for uv"
    assert installs_with(layout, progress) == ["pip"]


def test_pip_installs_beside_the_systems_packages(layout: Layout, progress: Any) -> None:
    assert installs_with(layout, progress, sees_system=True) == ["pip"]


def test_pip_installs_where_a_setting_has_no_counterpart(
    layout: Layout, progress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "global.proxy='http://proxy.example:3128'\n"
    monkeypatch.setattr(installer, "_pip_configuration", lambda *_: said)
    assert installs_with(layout, progress) == ["pip"]


@pytest.mark.parametrize("forbidden", [True, False])
def test_modules_are_compiled_at_once_where_they_cannot_be_later(
    layout: Layout, progress: Any, *, forbidden: bool
) -> None:
    env = {"PYTHONDONTWRITEBYTECODE": "1"} if forbidden else {}
    made = Installer.of(layout, env, progress, sees_system=False)
    assert made.for_uv is not None
    assert ("UV_COMPILE_BYTECODE" in made.for_uv) is forbidden


def test_pips_settings_hold_for_uv() -> None:
    said = (
        ":env:.find-links='/wheels'\n"
        "download.no-binary='six'\n"
        "global.extra-index-url='\\nhttps://one.example\\nhttps://two.example'\n"
        "global.find-links='/elsewhere /besides'\n"
        "global.timeout='60'\n"
        "install.index-url='https://index.example/simple'\n"
    )
    assert uv_settings(said) == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_FIND_LINKS": "/wheels",
        "UV_INDEX": "https://one.example https://two.example",
    }
