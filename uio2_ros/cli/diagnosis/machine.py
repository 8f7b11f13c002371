"""Checks of the machine: system, memory, disk, prerequisites, cameras."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.prerequisites import (
    check_platform,
    command_line,
    find_python,
    install_commands,
    missing_prerequisites,
)
from uio2_ros.cli.bootstrap.ros import Ros
from uio2_ros.cli.diagnosis.finding import Finding, broken, limited, ok

GIB = 2**30
SETUP_DISK_BYTES = 4 * GIB  # .venv, the build, and what pip unpacks meanwhile
LARGE_MODEL_BYTES = 12 * GIB  # the large checkpoint in float32 with its activations
DDS_SEGMENT_BYTES = 64 * 2**20  # one participant's segment in config/fastdds.xml


def check_system(ros: Ros) -> Finding:
    system = f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}"
    try:
        check_platform(ros)
    except SetupError as failure:
        return broken("system", system, str(failure))
    return ok("system", system)


def check_prerequisites(ros: Ros) -> Iterator[Finding]:
    try:
        python = find_python(ros)
    except SetupError as failure:
        yield broken("python", sys.version.split()[0], str(failure))
        return
    yield ok("python", str(python))
    missing = missing_prerequisites(python)
    if not missing:
        yield ok("system packages", "compiler, make, Python headers, PortAudio, EGL")
    for item in missing:
        report = broken if item.required else limited
        how = command_line(install_commands([item])) or "use your package manager"
        yield report(item.name, f"missing; {item.purpose}", how)


def check_disk(layout: Layout) -> Finding:
    free = shutil.disk_usage(layout.root).free
    detail = f"{free / GIB:.0f} GiB free"
    if free < SETUP_DISK_BYTES and not layout.python.exists():
        return broken("disk", detail, f"free {SETUP_DISK_BYTES // GIB} GiB for the set-up")
    if free < SETUP_DISK_BYTES:
        return limited("disk", detail, "free some space before downloading a checkpoint")
    return ok("disk", detail)


def check_memory() -> Finding:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    total = pages * page_bytes
    detail = f"{total / GIB:.0f} GiB, {os.cpu_count()} processors"
    if total < LARGE_MODEL_BYTES:
        return limited("memory", detail, "use the synthetic model or a machine with 12 GiB or more")
    return ok("memory", detail)


def check_shared_memory(folder: Path = Path("/dev/shm")) -> Finding:
    """Camera pictures and the model's inputs travel through it; containers often have 64 MiB."""
    remedy = "start the container with --shm-size=1g (or --ipc=host), or remount /dev/shm larger"
    if not folder.is_dir():
        return broken("shared memory", f"{folder} does not exist", remedy)
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**20:.0f} MiB free in {folder}"
    wanted = 4 * DDS_SEGMENT_BYTES  # agent, camera, microphone and one client
    return (
        ok("shared memory", detail) if free >= wanted else limited("shared memory", detail, remedy)
    )


def check_cameras(devices: Path = Path("/dev")) -> Finding:
    cameras = sorted(devices.glob("video*"))
    if not cameras:
        return limited(
            "cameras",
            f"no {devices}/video*",
            "plug one in (containers: --device /dev/video0), or run with camera:=<file or folder>",
        )
    names = ", ".join(map(str, cameras))
    closed = [camera for camera in cameras if not os.access(camera, os.R_OK | os.W_OK)]
    if closed:
        return limited(
            "cameras",
            f"{names}; no permission for {', '.join(map(str, closed))}",
            "sudo usermod -aG video $USER, then log in again",
        )
    return ok("cameras", names)
