"""Faults of the machine: a full disk and full shared memory, on small file systems of their own.

These scenarios run in a mount namespace (`unshare`), so that nothing of the machine fills up.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from uio2_ros.cli.faults.of_model import BY_ITSELF
from uio2_ros.cli.faults.report import FaultReport
from uio2_ros.cli.faults.stage import FaultStage, Told, report
from uio2_ros.recording.recording_file import Recording

DISK = "16m"
SHARED = "64m"
"""As much as containers have in /dev/shm if nobody says otherwise."""


def full_disk(stage: FaultStage) -> FaultReport:
    """A recording fills the disk on which the agent's logs and temporary files are, too."""
    disk = stage.folder / "disk"
    _mount(stage, disk, DISK)
    stage.answering_agent(env={"ROS_LOG_DIR": str(disk), "TMPDIR": str(disk)})
    since_s = time.monotonic()
    file = disk / "a.mcap"
    words = ("record", "-o", str(file), "--compression", "none", "/image")
    recorder = stage.start("uio2_ros.cli", *words)
    code = recorder.process.wait(60.0)
    lines = recorder.said()
    said = next((line for line in lines if "disk is full" in line), lines[-1])
    seen_s = time.monotonic() - since_s
    _fill(disk)
    recovered_s = stage.until_answered(time.monotonic())
    kept = sum(1 for _ in Recording(file).messages())
    told = Told(f"exit code {code}", f"{said} ({kept} messages are readable)", seen_s)
    recovery = "the agent answers as before"
    return report("disk full while recording", told, recovery, recovered_s, "exit code 1")


def full_shared_memory(stage: FaultStage) -> FaultReport:
    """No room in /dev/shm, at first for the segment of `config/fastdds.xml`, then for anything."""
    _mount(stage, Path("/dev/shm"), SHARED)
    stage.answering_agent()
    _fill(Path("/dev/shm"))
    since_s = time.monotonic()
    stage.camera()
    told = stage.ask()
    message = told.message or "answered: DDS goes over UDP, and the model has no need of /dev/shm"
    return report(
        f"`/dev/shm` of {SHARED.upper()}iB, as in containers, then full",
        Told(told.code, message, time.monotonic() - since_s),
        BY_ITSELF,
        stage.until_answered(since_s),
        "NONE",
    )


def _mount(stage: FaultStage, folder: Path, size: str) -> None:
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    stage.at_end(lambda: subprocess.run(["umount", "--lazy", str(folder)], check=True))


def _fill(folder: Path) -> None:
    with (folder / "rest").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
