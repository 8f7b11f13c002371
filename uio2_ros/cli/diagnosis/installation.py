"""Checks of what the set-up installed: packages, ROS 2, DDS, torch, tokenizer, checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uio2_ros.cli.bootstrap.environment import run_environment
from uio2_ros.cli.bootstrap.interfaces import interface_inputs
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.python_environment import (
    USER_EXTRAS,
    choose_torch,
    environment_inputs,
    has_nvidia_gpu,
    is_current,
)
from uio2_ros.cli.bootstrap.ros import Ros
from uio2_ros.cli.bootstrap.stamp import read_stamp
from uio2_ros.cli.diagnosis.finding import Finding, broken, limited, ok

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
PROBE_TIMEOUT_S = 60.0
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
SET_UP_AGAIN = "run ./uio2 env to repeat the set-up; if it fails again, remove .venv and .colcon"


@dataclass(frozen=True)
class Installation:
    """What was set up, and the environment that commands run in."""

    layout: Layout
    ros: Ros

    @property
    def environment(self) -> dict[str, str]:
        return run_environment(os.environ, self.layout, self.ros)

    def probe(self, name: str, *arguments: str) -> dict[str, Any]:
        """Ask the installed packages; {"error": why} when they cannot answer."""
        if not self.layout.python.exists():
            return {"error": "there is no .venv"}
        script = Path(__file__).with_name("probes.py")
        try:
            done = subprocess.run(
                [str(self.layout.python), str(script), name, *arguments],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=PROBE_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"no answer in {PROBE_TIMEOUT_S:.0f} s"}
        return _answer(done)


def _answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    last = done.stderr.strip().splitlines()[-1:] or ["no message"]
    return {"error": f"ended with code {done.returncode}: {last[0]}"}


def check_set_up(installation: Installation) -> Finding:
    layout = installation.layout
    recorded = read_stamp(layout.environment_stamp)
    if not recorded or not layout.python.exists():
        return broken("set-up", ".venv is missing or unfinished", "run ./uio2 env")
    torch = choose_torch(os.environ, has_nvidia_gpu(), recorded)
    wanted = environment_inputs(layout, installation.ros, torch, USER_EXTRAS)
    if not is_current(recorded, wanted):
        return limited(
            "set-up", ".venv is older than its requirements", "the next ./uio2 command updates it"
        )
    return ok("set-up", f"up to date in {layout.venv}")


def check_interfaces(installation: Installation) -> Finding:
    layout = installation.layout
    answer = installation.probe("interfaces")
    if "error" in answer:
        return broken("message types", answer["error"], SET_UP_AGAIN)
    if read_stamp(layout.interfaces_stamp) != interface_inputs(layout, installation.ros):
        return limited(
            "message types", "older than their sources", "the next ./uio2 command builds them"
        )
    return ok("message types", f"built in {layout.install}")


def check_ros(installation: Installation) -> Finding:
    ros = installation.ros
    source = f"ROS 2 {ros.distro} in {ros.prefix}" if ros.is_sourced else "ROS 2 wheels in .venv"
    answer = installation.probe("ros")
    if "error" in answer:
        return broken("ROS 2", f"{source}: {answer['error']}", SET_UP_AGAIN)
    detail = f"{source}, {answer['rmw']}"
    if answer["latency_s"] is None:
        return broken(
            "ROS 2",
            f"{detail}: a message sent to this machine did not arrive in 5 s",
            "allow UDP multicast on the loopback or network interface, check the firewall, "
            "ROS_DOMAIN_ID and your own DDS profile",
        )
    return ok("ROS 2", f"{detail}, first message after {answer['latency_s'] * 1e3:.0f} ms")


def check_dds_profile(environ: Mapping[str, str]) -> Finding:
    """The shipped profile, or one of the user's own that must at least be readable."""
    rmw = environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    if "fastrtps" not in rmw:
        return limited(
            "DDS profile",
            f"{rmw} does not read config/fastdds.xml",
            "give it a shared-memory transport of its own for pictures of 1080p and more",
        )
    if environ.get("FASTDDS_BUILTIN_TRANSPORTS"):
        return ok("DDS profile", f"transports {environ['FASTDDS_BUILTIN_TRANSPORTS']}, your own")
    files = [environ[name] for name in PROFILE_VARIABLES if environ.get(name)]
    if not files:
        return ok("DDS profile", "your own in the working folder")
    try:
        ElementTree.parse(files[0])
    except (OSError, ElementTree.ParseError) as failure:
        remedy = "correct the file, or unset the variable to use config/fastdds.xml"
        return broken("DDS profile", f"{files[0]}: {failure}", remedy)
    return ok("DDS profile", files[0])


def check_torch(installation: Installation) -> Finding:
    answer = installation.probe("torch")
    if "error" in answer:
        return broken("torch", answer["error"], SET_UP_AGAIN)
    detail = f"torch {answer['version']}"
    if answer["gpus"]:
        gpus = ", ".join(f"{name} ({size / 2**30:.0f} GiB)" for name, size in answer["gpus"])
        return ok("torch and GPU", f"{detail}, CUDA {answer['cuda']}, {gpus}")
    if not has_nvidia_gpu():
        return limited(
            "torch and GPU", f"{detail}, no NVIDIA GPU", "real checkpoints are slow without one"
        )
    remedy = (
        "check the driver with nvidia-smi (containers: --gpus all)"
        if answer["cuda"]
        else "remove .venv and run again to get torch with CUDA"
    )
    return limited("torch and GPU", f"{detail} cannot use this machine's NVIDIA GPU", remedy)


def check_tokenizer(installation: Installation, tokenizer: str) -> Finding:
    name = tokenizer or "synthetic"
    answer = installation.probe("tokenizer", tokenizer)
    if "error" in answer:
        remedy = "give the SentencePiece file of the checkpoint: tokenizer:=<file>"
        return broken("tokenizer", f"{name}: {answer['error']}", remedy)
    return ok("tokenizer", f"{name}, {answer['vocab_size']} tokens")


def check_checkpoint(model: str, environ: Mapping[str, str]) -> Finding:
    """A directory must hold a checkpoint, a bundle of the package is one, a server has its own; a
    hub id is fine if cached, and a download otherwise."""
    if model.partition(":")[0] == "synthetic":
        return limited(
            "checkpoint",
            f"{model}: nobody trained these weights, answers mean nothing",
            "run with model:=<hub id or directory> tokenizer:=<file>",
        )
    if "://" in model:
        return ok("checkpoint", f"that of the server {model}")
    shipped = BUNDLES / model
    folder = shipped if (shipped / "config.json").is_file() else Path(model).expanduser()
    if folder.is_dir():
        return _check_checkpoint_folder(folder)
    cache = environ.get("HF_HUB_CACHE") or f"{environ.get('HF_HOME', '~/.cache/huggingface')}/hub"
    cached = Path(cache).expanduser() / f"models--{model.replace('/', '--')}"
    if cached.is_dir():
        return ok("checkpoint", f"{model}, cached in {cached}")
    return limited(
        "checkpoint", f"{model}: neither a folder nor in {cache}", "the first start downloads it"
    )


def _check_checkpoint_folder(folder: Path) -> Finding:
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    missing += [] if weights else ["weights (*.safetensors or *.bin)"]
    if missing:
        remedy = "give the folder of a complete checkpoint, or its hub id"
        return broken("checkpoint", f"{folder} has no {' and no '.join(missing)}", remedy)
    return ok("checkpoint", f"{folder}, {sum(f.stat().st_size for f in weights) / 2**30:.1f} GiB")


def check_microphones(installation: Installation) -> Finding:
    answer = installation.probe("sound")
    remedy = (
        "install libportaudio2 and plug a microphone in (containers: --device /dev/snd), or run "
        "with microphone:=<sound file>"
    )
    if "error" in answer:
        return limited("microphones", answer["error"], remedy)
    if not answer["inputs"]:
        return limited("microphones", "PortAudio finds no input", remedy)
    return ok("microphones", ", ".join(answer["inputs"]))
