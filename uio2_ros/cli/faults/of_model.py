"""Faults of the inference process and of what it loads."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from uio2_ros.cli.faults.report import FaultReport
from uio2_ros.cli.faults.stage import LOCALIZE, FaultStage, call, fate, report, wait_until

STOPPED_TIMEOUT_S = 2.0
BY_ITSELF = "by itself"
SYNTHETIC_BUNDLE = """\
import sys
from uio2_ros.inference import Engine
from uio2_ros.model.bundle import TrainedFor
engine, tasks = Engine.synthetic(), TrainedFor(("localize", "refexp"))
engine.save_bundle(sys.argv[1], tasks, description="made up", licence="none")
"""


def killed(stage: FaultStage) -> FaultReport:
    """SIGKILL while it answers."""
    agent = stage.answering_agent()
    pid = agent.model_pid
    pending = stage.under_way()
    since_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    told = fate(pending, since_s)
    name = "`kill -9` of the model's process while it answers"
    return report(name, told, BY_ITSELF, stage.until_answered(since_s), "INFERENCE_FAILED")


def stopped(stage: FaultStage) -> FaultReport:
    """SIGSTOP and no SIGCONT."""
    agent = stage.answering_agent()
    since_s = time.monotonic()
    os.kill(agent.model_pid, signal.SIGSTOP)
    told = fate(stage.client.ask_async(**LOCALIZE, timeout_s=STOPPED_TIMEOUT_S), since_s)
    recovered_s = stage.until_answered(since_s)
    name = f"`SIGSTOP` of the model's process (timeout {STOPPED_TIMEOUT_S:g} s, `grace` 2 s)"
    return report(name, told, "by itself, in a new process", recovered_s, "TIMEOUT")


def out_of_memory(stage: FaultStage) -> FaultReport:
    """No byte more of address space than the process has."""
    agent = stage.answering_agent()
    pid = agent.model_pid
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    used = psutil.Process(pid).memory_info().vms
    since_s = time.monotonic()
    resource.prlimit(pid, resource.RLIMIT_AS, (used, before[1]))
    told = stage.until_refused(since_s, **LOCALIZE)
    corrected_s = time.monotonic()
    if psutil.pid_exists(pid):
        resource.prlimit(pid, resource.RLIMIT_AS, before)
    recovered_s = stage.until_answered(corrected_s)
    name = "no memory left for the model's process (`RLIMIT_AS`)"
    recovery = "memory given back"
    return report(name, told, recovery, recovered_s, "OUT_OF_MEMORY", "INFERENCE_FAILED")


def nan_weights(stage: FaultStage) -> FaultReport:
    """One tensor of the checkpoint is not a number."""

    def spoil(file: Path) -> None:
        from safetensors.numpy import load_file, save_file

        weights = load_file(file)
        name = max(weights, key=lambda key: weights[key].size)
        weights[name] = weights[name] * float("nan")
        save_file(weights, file)

    return _bad_checkpoint(stage, "weights that are NaN", spoil)


def corrupt_checkpoint(stage: FaultStage) -> FaultReport:
    """The file ends too early, as after a download that was interrupted."""

    def cut(file: Path) -> None:
        os.truncate(file, file.stat().st_size * 2 // 3)

    return _bad_checkpoint(stage, "checkpoint cut off at two thirds", cut)


def _bad_checkpoint(stage: FaultStage, name: str, spoil: Callable[[Path], None]) -> FaultReport:
    """Configuring is refused, and goes well once the file is replaced."""
    bundle = stage.folder / "bundle"
    subprocess.run([sys.executable, "-c", SYNTHETIC_BUNDLE, str(bundle)], check=True)
    (weights,) = bundle.glob("*.safetensors")
    shutil.copy(weights, stage.folder / "good")
    spoil(weights)
    since_s = time.monotonic()
    agent = stage.agent(model=bundle)
    stage.camera()
    wait_until(lambda: "cannot configure" in agent.log.read_text(), "a refusal")
    seen_s = time.monotonic() - since_s
    told = replace(stage.ask(), after_s=seen_s)
    corrected_s = time.monotonic()
    shutil.copy(stage.folder / "good", weights)
    change_state(stage, Transition.TRANSITION_CONFIGURE)
    change_state(stage, Transition.TRANSITION_ACTIVATE)
    recovered_s = stage.until_answered(corrected_s)
    return report(name, told, "file replaced, configured", recovered_s, "MODEL_NOT_READY")


def change_state(stage: FaultStage, transition: int) -> None:
    """One transition of the agent; RuntimeError if it refuses."""
    request = ChangeState.Request(transition=Transition(id=transition))
    name = f"{stage.client.agent}/change_state"
    response = call(stage.client.node, ChangeState, name, request)
    if not response.success:
        raise RuntimeError(f"the agent refused transition {transition}")
