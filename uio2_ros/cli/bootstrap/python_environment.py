"""Makes `.venv`: the virtual environment with torch, the library's packages and, maybe, ROS 2."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.cli.bootstrap.environment import build_environment
from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.installer import Installer
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.prerequisites import (
    ask,
    check_platform,
    ensure_prerequisites,
    find_python,
)
from uio2_ros.cli.bootstrap.progress import StepDisplay
from uio2_ros.cli.bootstrap.ros import Ros, relocate_wheels
from uio2_ros.cli.bootstrap.stamp import read_stamp, write_stamp

TORCH_VERSION = "2.13.0"
USER_EXTRAS = ("ros", "plot", "record", "trees", "sim", "data", "page", "remote", "watch")
TEST_EXTRAS = (*USER_EXTRAS, "dev")


@dataclass(frozen=True)
class Torch:
    """Which torch to install: a requirement, and an index that offers it besides pip's own."""

    requirement: str
    default: str
    index: str = ""

    @property
    def is_cpu_build(self) -> bool:
        return self.requirement.endswith("+cpu")


def choose_torch(environ: Mapping[str, str], has_gpu: bool, recorded: Mapping[str, str]) -> Torch:
    """UIO2_TORCH_SPEC, or what it was when `.venv` was made, or the default for this machine.

    The default is the CPU build unless there is an NVIDIA GPU: without `+cpu` Linux gets the CUDA
    build and some gigabytes of CUDA with it, on aarch64 too.
    """
    default = f"torch=={TORCH_VERSION}" if has_gpu else f"torch=={TORCH_VERSION}+cpu"
    kept = recorded.get("torch") if recorded.get("torch_default") == default else None
    requirement = environ.get("UIO2_TORCH_SPEC") or kept or default
    return Torch(requirement, default, environ.get("UIO2_TORCH_INDEX", ""))


def has_nvidia_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def environment_inputs(
    layout: Layout, ros: Ros, torch: Torch, extras: Sequence[str]
) -> dict[str, str]:
    """What `.venv` depends on. Another root, ROS or Python asks for a new one."""
    project = (layout.root / "pyproject.toml").read_text(encoding="utf-8")
    needs = project.split("\n[tool.", 1)[0]  # what follows configures tools and installs nothing
    if not ros.is_sourced:
        needs += (layout.root / ros.requirements).read_text(encoding="utf-8")
    return {
        "root": str(layout.root),
        "ros": ros.identity,
        "torch": torch.requirement,
        "torch_default": torch.default,
        "requirements": hashlib.sha256(needs.encode()).hexdigest(),
        "extras": " ".join(sorted(extras)),
    }


def is_current(recorded: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether what was installed serves what is wanted; more extras than wanted are fine."""
    has = set(recorded.get("extras", "").split())
    same = all(recorded.get(key) == wanted[key] for key in wanted if key != "extras")
    return same and has.issuperset(wanted["extras"].split())


def ensure_environment(
    layout: Layout, ros: Ros, extras: Sequence[str], progress: StepDisplay, assume_yes: bool
) -> None:
    """Make or update `.venv` if its inputs changed."""
    recorded = read_stamp(layout.environment_stamp)
    torch = choose_torch(os.environ, has_nvidia_gpu(), recorded)
    wanted = environment_inputs(layout, ros, torch, extras)
    if is_current(recorded, wanted) and layout.python.exists():
        return
    check_platform(ros)
    python = find_python(ros)
    ensure_prerequisites(python, progress, assume_yes)
    _make_venv(layout, ros, python, recorded, progress)
    env = build_environment(os.environ, layout, ros)
    everything = sorted({*extras, *recorded.get("extras", "").split()})
    layout.environment_stamp.unlink(missing_ok=True)
    installer = Installer.of(layout, env, progress, sees_system=ros.is_sourced)
    _install_torch(installer, torch, assume_yes)
    _install_packages(installer, ros, everything)
    if not ros.is_sourced:
        relocate_wheels(layout.venv, *_include_folders(layout, env))
    imports = ["-c", "import torch, cv2, rclpy"]
    progress.run("Checking the installation", [layout.python, *imports], env, layout.venv)
    write_stamp(layout.environment_stamp, {**wanted, "extras": " ".join(everything)})


def _make_venv(
    layout: Layout, ros: Ros, python: Path, recorded: Mapping[str, str], progress: StepDisplay
) -> None:
    moved = bool(recorded) and (recorded.get("root"), recorded.get("ros")) != (
        str(layout.root),
        ros.identity,
    )
    if moved:
        before, now = recorded.get("ros"), f"{ros.identity} in {layout.root}"
        progress.note(
            f"making {layout.venv.name} anew: it was made for {before} and now it is {now}"
        )
        shutil.rmtree(layout.venv)
    if layout.python.exists():
        return
    source = f"the sourced ROS 2 {ros.distro}" if ros.is_sourced else "ROS 2 wheels"
    progress.note(f"setting up with {python} and {source}; once, minutes")
    see_system = ["--system-site-packages"] if ros.is_sourced else []
    title = f"Making the virtual environment {layout.venv.name}"
    progress.run(title, [python, "-m", "venv", *see_system, layout.venv], os.environ)


def _install_torch(installer: Installer, torch: Torch, assume_yes: bool) -> None:
    index = ["--extra-index-url", torch.index] if torch.index else []
    build = "torch (CPU build)" if torch.is_cpu_build else "torch"
    try:
        installer.install(f"Installing {build}", *index, torch.requirement)
    except SetupError as failure:
        if not torch.is_cpu_build or "No matching distribution found for torch" not in str(failure):
            raise
        _offer_cuda_build(installer.progress, assume_yes)
        installer.install("Installing torch with CUDA", torch.requirement.removesuffix("+cpu"))


def _offer_cuda_build(progress: StepDisplay, assume_yes: bool) -> None:
    progress.note("no NVIDIA GPU here, and your package index offers torch with CUDA only")
    if assume_yes or ask("Install that (about 3 GB more)?"):
        return
    raise SetupError(
        "the CPU build of torch is not in your package index. Set UIO2_TORCH_INDEX to the index "
        "address that pytorch.org's install selector shows for Linux, pip and CPU and run again, "
        "or run with --yes to install the build with CUDA"
    )


def _install_packages(installer: Installer, ros: Ros, extras: Sequence[str]) -> None:
    """Everything but torch, with torch held where it is."""
    layout, env = installer.layout, installer.env
    constraints = layout.colcon / "constraints.txt"
    constraints.write_text("\n".join(_held_versions(layout, ros, env)) + "\n", encoding="utf-8")
    requirements = layout.colcon / "requirements.txt"
    requirements.write_text(_project_requirements(layout, extras, env), encoding="utf-8")
    arguments: list[str | Path] = ["-r", requirements, "-c", constraints]
    if not ros.is_sourced:
        arguments += ["-r", layout.root / ros.requirements]
    elif shutil.which("colcon", path=env["PATH"]) is None:
        arguments += ["colcon-common-extensions"]
    title = "Installing packages" if ros.is_sourced else "Installing packages and ROS 2"
    installer.install(title, *arguments)


def _held_versions(layout: Layout, ros: Ros, env: Mapping[str, str]) -> list[str]:
    """torch must not be replaced, nor the numpy that a sourced ROS was compiled against."""
    names = ["torch", "numpy"] if ros.is_sourced else ["torch"]
    code = "import sys\nfrom importlib.metadata import version, PackageNotFoundError\n" + (
        "for name in sys.argv[1:]:\n"
        "    try: print(f'{name}=={version(name)}')\n"
        "    except PackageNotFoundError: pass\n"
    )
    return _python_output(layout, env, "-c", code, *names).split()


def _project_requirements(layout: Layout, extras: Sequence[str], env: Mapping[str, str]) -> str:
    script = Path(__file__).with_name("requirements.py")
    return _python_output(layout, env, str(script), str(layout.root / "pyproject.toml"), *extras)


def _include_folders(layout: Layout, env: Mapping[str, str]) -> tuple[Path, Path]:
    code = (
        "import numpy, sysconfig\n"
        "print(sysconfig.get_path('include'), numpy.get_include(), sep='\\n')"
    )
    python_include, numpy_include = _python_output(layout, env, "-c", code).splitlines()
    return Path(python_include), Path(numpy_include)


def _python_output(layout: Layout, env: Mapping[str, str], *arguments: str) -> str:
    command = [str(layout.python), *arguments]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(
            f"{' '.join(command)} failed:\n{done.stderr}\n  Remove .venv and run again"
        )
    return done.stdout
