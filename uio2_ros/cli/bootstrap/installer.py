"""Installs packages into `.venv`: with uv, which takes a fraction of pip's time, else with pip."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.progress import StepDisplay

UV = "uv>=0.9,<1"
LIKE_PIP = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # of all indexes
    "UV_NATIVE_TLS": "true",  # the system's certificates
    "UV_SYSTEM_CERTS": "true",  # the same, as newer versions call it
    "UV_NO_CONFIG": "true",  # pip's settings alone decide
}
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")

SAID_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""Settings of pip that decide what is installed: uv's variable, and what separates its values."""

MEANT_FOR_PIP = {
    *("timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
    *("compile", "no-compile", "disable-pip-version-check", "no-warn-script-location"),
    *("no-input", "progress-bar", "no-color", "quiet", "verbose"),
    *("break-system-packages", "require-virtualenv", "root-user-action"),
}
"""Settings of pip that do not."""


@dataclass(frozen=True)
class Installer:
    """Installs what pip would, and shows each installation as a step."""

    layout: Layout
    env: Mapping[str, str]
    progress: StepDisplay
    for_uv: Mapping[str, str] | None
    """uv's environment; None: pip installs everything."""

    @classmethod
    def of(
        cls, layout: Layout, env: Mapping[str, str], progress: StepDisplay, *, sees_system: bool
    ) -> Installer:
        """uv overlooks packages of the system, and so serves environments that do not see them."""
        pip = cls(layout, env, progress, None)
        settings = None if sees_system else uv_settings(_pip_configuration(layout, env))
        if settings is None:
            return pip
        try:
            pip.install("Installing uv", "--upgrade", "--target", _uv_folder(layout), UV)
        except SetupError:
            progress.note("going on with pip, which takes longer")
            return pip
        # pip compiles all modules; uv leaves that to their first import, which may be forbidden it
        never_later = {"UV_COMPILE_BYTECODE": "true"} if env.get(NO_BYTECODE) else {}
        return cls(layout, env, progress, {**env, **LIKE_PIP, **settings, **never_later})

    def install(self, title: str, *arguments: str | Path) -> None:
        """Requirements, and options that both have; SetupError, with pip's reasons, if it fails."""
        python = self.layout.python
        if self.for_uv is not None:
            uv: list[str | Path] = [_uv_folder(self.layout) / "bin" / "uv", "pip", "install"]
            try:
                self.progress.run(title, [*uv, "--python", python, *arguments], self.for_uv)
                return
            except SetupError:
                self.progress.note("uv could not do that; trying with pip")
        pip: list[str | Path] = [python, "-m", "pip", "install", *PIP_OPTIONS]
        self.progress.run(title, [*pip, *arguments], self.env)


def uv_settings(pip_configuration: str) -> dict[str, str] | None:
    """What `pip config list` says, as uv's variables; None if uv cannot be told some of it.

    Variables, since addresses may hold passwords and commands are written to the log.
    """
    lines = [line.partition("=") for line in pip_configuration.splitlines()]
    settings = {}
    for section in ("global", "install", ":env:"):  # a later one decides
        for name, _, value in lines:
            key = name.removeprefix(f"{section}.")
            if key == name or key in MEANT_FOR_PIP:
                continue
            if key not in SAID_TO_UV:
                return None
            variable, separator = SAID_TO_UV[key]
            settings[variable] = separator.join(str(ast.literal_eval(value)).split())
    return settings


def _uv_folder(layout: Layout) -> Path:
    """Not `.venv`, whose packages are those that the commands need."""
    return layout.colcon / "uv"


def _pip_configuration(layout: Layout, env: Mapping[str, str]) -> str:
    command: list[str | Path] = [layout.python, "-m", "pip", "config", "list"]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    return done.stdout
