"""The doctor names what is wrong together with its remedy, also where nothing is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from uio2_ros.cli import doctor
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import Ros
from uio2_ros.cli.diagnosis import installation as installed
from uio2_ros.cli.diagnosis import machine
from uio2_ros.cli.diagnosis.finding import Finding, Status, broken, ok

ROOT = Path(__file__).parents[2]


class Probed(installed.Installation):
    """An installation whose packages answer what the test says."""

    def __init__(self, root: Path, answer: dict[str, Any]) -> None:
        super().__init__(Layout(root), Ros())
        object.__setattr__(self, "answer", answer)

    def probe(self, name: str, *arguments: str) -> dict[str, Any]:  # noqa: ARG002
        answer: dict[str, Any] = getattr(self, "answer")  # noqa: B009
        return answer


def disk_with(free: int) -> Any:
    return lambda _path: SimpleNamespace(total=10**12, used=0, free=free)


def test_a_finding_that_is_not_ok_needs_a_remedy() -> None:
    with pytest.raises(ValueError, match="about disk names no remedy"):
        Finding(Status.BROKEN, "disk", "full")


def test_the_remedy_stands_under_its_finding() -> None:
    line, remedy = doctor.render(broken("disk", "1 GiB free", "free some")).splitlines()
    assert line.startswith("BROKEN")
    assert remedy.strip() == "-> free some"


def test_the_exit_code_tells_whether_something_essential_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_: [ok("a", "b")])
    assert doctor.main([]) == 0
    monkeypatch.setattr(doctor, "examine", lambda *_: [ok("a", "b"), broken("c", "d", "e")])
    assert doctor.main([]) == 1
    assert "1 broken, 0 limited of 2 checks" in capsys.readouterr().out


def test_small_shared_memory_is_found_before_pictures_get_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", disk_with(64 * 2**20))
    finding = machine.check_shared_memory(tmp_path)
    assert finding.status is Status.LIMITED
    assert "--shm-size" in finding.remedy


def test_a_full_disk_breaks_only_what_is_not_installed_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", disk_with(2**30))
    layout = Layout(tmp_path)
    assert machine.check_disk(layout).status is Status.BROKEN
    layout.python.parent.mkdir(parents=True)
    layout.python.touch()
    assert machine.check_disk(layout).status is Status.LIMITED


def test_no_camera_is_a_limit_with_ways_out(tmp_path: Path) -> None:
    finding = machine.check_cameras(tmp_path)
    assert finding.status is Status.LIMITED
    assert "camera:=<file or folder>" in finding.remedy
    (tmp_path / "video0").touch()
    assert machine.check_cameras(tmp_path).status is Status.OK


def test_a_camera_without_permission_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "usermod -aG video" in machine.check_cameras(tmp_path).remedy


def test_a_message_that_does_not_arrive_breaks_ros(tmp_path: Path) -> None:
    finding = installed.check_ros(Probed(tmp_path, {"rmw": "rmw_fastrtps_cpp", "latency_s": None}))
    assert finding.status is Status.BROKEN
    assert "did not arrive" in finding.detail


@pytest.mark.parametrize(
    "check",
    [
        installed.check_ros,
        installed.check_interfaces,
        installed.check_torch,
        lambda installation: installed.check_tokenizer(installation, "a.model"),
    ],
)
def test_a_package_that_does_not_answer_is_broken_with_its_error(
    check: Any, tmp_path: Path
) -> None:
    finding = check(Probed(tmp_path, {"error": "ImportError: no such thing"}))
    assert finding.status is Status.BROKEN
    assert "no such thing" in finding.detail


@pytest.mark.parametrize(
    ("answer", "gpu", "remedy"),
    [
        ({"version": "2.13.0+cpu", "cuda": None, "gpus": []}, False, "slow"),
        ({"version": "2.13.0+cpu", "cuda": None, "gpus": []}, True, "torch with CUDA"),
        ({"version": "2.13.0", "cuda": "13.0", "gpus": []}, True, "nvidia-smi"),
    ],
)
def test_a_gpu_that_is_not_used_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    gpu: bool,
    remedy: str,
) -> None:
    monkeypatch.setattr(installed, "has_nvidia_gpu", lambda: gpu)
    assert remedy in installed.check_torch(Probed(tmp_path, answer)).remedy


def test_a_gpu_in_use_is_named_with_its_memory(tmp_path: Path) -> None:
    answer = {"version": "2.13.0", "cuda": "13.0", "gpus": [["H200", 139 * 2**30]]}
    finding = installed.check_torch(Probed(tmp_path, answer))
    assert finding.status is Status.OK
    assert "H200 (139 GiB)" in finding.detail


def test_a_damaged_dds_profile_is_broken(tmp_path: Path) -> None:
    profile = tmp_path / "mine.xml"
    profile.write_text("<profiles>")
    environ = {"FASTDDS_DEFAULT_PROFILES_FILE": str(profile)}
    assert installed.check_dds_profile(environ).status is Status.BROKEN
    profile.write_text("<profiles/>")
    assert installed.check_dds_profile(environ).status is Status.OK


def test_another_rmw_is_told_that_it_reads_no_profile_of_ours() -> None:
    finding = installed.check_dds_profile({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"})
    assert finding.status is Status.LIMITED


def test_a_checkpoint_folder_must_be_complete(tmp_path: Path) -> None:
    finding = installed.check_checkpoint(str(tmp_path), {})
    assert finding.status is Status.BROKEN
    assert "config.json" in finding.detail
    (tmp_path / "config.json").touch()
    (tmp_path / "model.safetensors").touch()
    assert installed.check_checkpoint(str(tmp_path), {}).status is Status.OK


def test_a_checkpoint_of_the_hub_may_be_cached(tmp_path: Path) -> None:
    environ = {"HF_HOME": str(tmp_path)}
    assert "downloads it" in installed.check_checkpoint("some/model", environ).remedy
    (tmp_path / "hub" / "models--some--model").mkdir(parents=True)
    assert installed.check_checkpoint("some/model", environ).status is Status.OK


def test_synthetic_weights_are_called_what_they_are() -> None:
    assert "mean nothing" in installed.check_checkpoint("synthetic", {}).detail
    assert "mean nothing" in installed.check_checkpoint("synthetic:large", {}).detail


@pytest.mark.parametrize("model", ["uio2-nano", "wss://server:8000"])
def test_what_nobody_has_to_download_is_there(model: str) -> None:
    assert installed.check_checkpoint(model, {}).status is Status.OK


def test_a_probe_that_crashes_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = installed.Installation(Layout(tmp_path), Ros())
    assert installation.probe("torch") == {"error": "there is no .venv"}
    crashing = tmp_path / ".venv" / "bin" / "python"
    crashing.parent.mkdir(parents=True)
    crashing.write_text("#!/bin/sh\necho 'Segmentation fault' >&2\nexit 139\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(installed, "run_environment", lambda *_: dict(os.environ))
    assert "code 139: Segmentation fault" in installation.probe("torch")["error"]


@pytest.mark.ros
def test_this_machine_is_in_order() -> None:
    command = [sys.executable, str(ROOT / "uio2"), "doctor"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for subject in ("ROS 2", "DDS profile", "message types", "torch and GPU", "tokenizer"):
        assert subject in done.stdout


def test_a_checkout_without_set_up_gets_a_report_and_no_traceback(tmp_path: Path) -> None:
    for name in ("uio2", "uio2_ros", "config", "pyproject.toml", "requirements-ros-kilted.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("package.xml", "CMakeLists.txt"):
        (tmp_path / name).touch()
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from uio2_ros.cli import doctor\n"
        f"doctor.ROOT = Path({str(tmp_path)!r})\n"
        "sys.exit(doctor.main([]))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert ".venv is missing or unfinished" in done.stdout
    assert "Traceback" not in done.stderr
