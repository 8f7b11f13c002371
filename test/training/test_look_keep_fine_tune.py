"""The joints of the loop from a robot's topics to the model that drives it, by its commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap_ros2", reason="needs the extra record")
pytest.importorskip("pyarrow", reason="needs the extra data")
from recording.test_recordings_to_samples import Message, picture, twist, write

from uio2_ros import bringup
from uio2_ros.cli import data, train
from uio2_ros.inference import Engine
from uio2_ros.model.bundle import local_bundle
from uio2_ros.robot.plan import ActionKind
from uio2_ros.tasks import TaskRunner

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "config" / "contracts" / "diff_drive.yaml"
FINE_TUNE = ROOT / "config" / "training" / "fine_tune.yaml"


def driven() -> list[Message]:
    """Three seconds in which a base turned, then drove on."""
    messages: list[Message] = []
    for tenth in range(30):
        at_s = tenth / 10
        messages.append(picture(at_s, "/image"))
        messages.append(twist(at_s, *((0.0, 0.5) if tenth < 10 else (0.4, 0.0))))
    return messages


def test_what_was_driven_becomes_a_bundle_that_plans_in_its_action_space(tmp_path: Path) -> None:
    recording = write(tmp_path / "a.mcap", driven())
    folder, run = tmp_path / "set", tmp_path / "run"
    asked = ["--contract", str(CONTRACT), "--instruction", "go to the door"]
    assert data.main(["export", "lerobot", str(recording), str(folder), *asked]) == 0

    source = f"{{kind: lerobot, path: {folder}, action_space: diff_drive, tasks: [act]}}"
    changes = (f"data=[{source}]", f"output={run}", "steps=2", "batch=2", "workers=0")
    words = [word for change in changes for word in ("--set", change)]
    assert train.main([str(FINE_TUNE), *words]) == 0

    bundle = local_bundle(str(run / "bundle"))
    assert bundle is not None
    assert {"act", "next_action"} <= set(bundle.trained_for.tasks)
    assert "diff_drive" in bundle.trained_for.action_spaces
    runner = TaskRunner(Engine.from_pretrained(str(run / "bundle"), device="cpu"))
    plan = runner.act(np.zeros((240, 320, 3), np.uint8), "go to the door", "diff_drive")
    assert [step.kind for step in plan.steps] == [ActionKind.CONTINUOUS] * 10
    settings = bringup.Settings.parse(
        {"contract": str(CONTRACT), "model": str(run / "bundle"), "bridge": "true"}
    )
    assert "bridge" in {process.name for process in bringup.processes(settings)}
