"""Where the set-up keeps its things inside the checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Folders of one checkout; everything the set-up writes is under `.venv` and `.colcon`.

    A `variant` has folders of its own, `.venv-jazzy` and `.colcon-jazzy`, so that several ROS
    distributions can be tried from one checkout.
    """

    root: Path
    variant: str = ""

    @property
    def venv(self) -> Path:
        return self.root / f".venv{self._suffix}"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def setup_log(self) -> Path:
        return self.colcon / "setup.log"

    @property
    def colcon(self) -> Path:
        return self.root / f".colcon{self._suffix}"

    @property
    def build(self) -> Path:
        return self.colcon / "build"

    @property
    def install(self) -> Path:
        return self.colcon / "install"

    @property
    def lock(self) -> Path:
        return self.colcon / "setup.lock"

    @property
    def environment_stamp(self) -> Path:
        return self.venv / "uio2-environment.json"

    @property
    def interfaces_stamp(self) -> Path:
        return self.colcon / "uio2-interfaces.json"

    @property
    def _suffix(self) -> str:
        return f"-{self.variant}" if self.variant else ""

    def installed_python_folders(self) -> list[Path]:
        """Where colcon put Python packages: Debian's Pythons use other folder names than ours."""
        patterns = ("lib/python3*/site-packages", "local/lib/python3*/dist-packages")
        return sorted(folder for pattern in patterns for folder in self.install.glob(pattern))
