"""The parameter file shows every parameter of the camera and the microphone, commented out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from uio2_ros.nodes.sources import camera, microphone
from uio2_ros.nodes.sources.source_node import RETRY_PERIOD_S

FILE = Path(__file__).parents[3] / "config" / "agent.yaml"


@pytest.mark.parametrize(
    ("node", "defaults"), [("camera", camera.DEFAULTS), ("microphone", microphone.DEFAULTS)]
)
def test_commented_sections_are_the_defaults(
    node: str, defaults: Mapping[str, tuple[object, str]]
) -> None:
    uncommented = re.sub(r"(?m)^  # (?=  |camera:|microphone:)", "  ", FILE.read_text())
    section = yaml.safe_load(uncommented)["/**"][node]["ros__parameters"]
    assert section == {
        **{name: default for name, (default, _) in defaults.items()},
        "retry_period": RETRY_PERIOD_S,
    }
