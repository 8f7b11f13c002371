"""A robot with a table, a guarded seat and an arm of two joints, and plans for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from control.conftest import SPACES, Rig

from uio2_ros.control.gate_settings import (
    CapSettings,
    GateSettings,
    SceneCheckSettings,
    StartSettings,
)
from uio2_ros.robot.action_space import ActionSpace, Axis, Dimension, DimensionKind, SpaceKind
from uio2_ros.robot.frames import Link
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import to_ns

WORKSPACE = """
frame: table
box: {low: [-1.0, -0.8, -0.1], high: [1.0, 0.8, 1.0]}
keep_out:
  - {name: the seat, low: [0.45, -0.05, -0.1], high: [0.55, 0.05, 1.0]}
"""
URDF = """<robot name="planar">
  <link name="base_link"/><link name="upper"/><link name="lower"/><link name="hand"/>
  <joint name="shoulder" type="revolute"><parent link="base_link"/><child link="upper"/>
    <axis xyz="0 0 1"/><limit lower="-1.5" upper="1.5" velocity="2.0"/></joint>
  <joint name="elbow" type="revolute"><parent link="upper"/><child link="lower"/>
    <origin xyz="0.4 0 0"/><axis xyz="0 0 1"/><limit lower="-2" upper="2" velocity="2.0"/></joint>
  <joint name="wrist" type="fixed"><parent link="lower"/><child link="hand"/>
    <origin xyz="0.3 0 0"/></joint>
</robot>"""
TIP = ActionSpace(
    "tip",
    SpaceKind.CONTINUOUS,
    "",
    "base_link",
    tuple(Dimension(axis.value, DimensionKind.POSITION, "m", -3.0, 3.0, axis) for axis in Axis),
    rate_hz=5.0,
    tip_frame_id="tool0",
)
ARM = ActionSpace(
    "planar_arm",
    SpaceKind.CONTINUOUS,
    "",
    "base_link",
    tuple(
        Dimension(name, DimensionKind.JOINT, "rad", -3.0, 3.0, joint=name)
        for name in ("shoulder", "elbow")
    ),
    rate_hz=10.0,
)
STRICT = GateSettings(
    blend_in_s=0.0,
    caps=CapSettings(0.5, 1.0, 1.5, 2.0, 4.0, 10.0),
    start=StartSettings(joint=0.5, linear=0.3),
    scene=SceneCheckSettings(threshold=0.05),
)
HOME = {"shoulder": 0.6, "elbow": 0.0}


def picture(*, hand: bool = False, light: int = 0) -> np.ndarray:
    """(48, 64, 3) a table, with somebody's hand over a part of it."""
    pixels = np.full((48, 64, 3), 90 + light, np.uint8)
    pixels[20:28, 10:18] = 200
    if hand:
        pixels[10:34, 30:54] = 220
    return pixels


@pytest.fixture
def guarded(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace], tmp_path: Path
) -> Callable[..., Rig]:
    """guarded(gate setting=value, ...): all is known and fresh, and the tip is over the table."""
    workspace, urdf = tmp_path / "workspace.yaml", tmp_path / "arm.urdf"
    workspace.write_text(WORKSPACE)
    urdf.write_text(URDF)
    spaces.update(SPACES, tip=TIP, planar_arm=ARM)

    def make(**changes: object) -> Rig:
        files = {"workspace": str(workspace), "robot_description": str(urdf)}
        rig = make_rig(gate=replace(STRICT, **{**files, **changes}))
        rig.frames.hear(Link("table", "base_link", Pose3D()))
        rig.frames.hear(Link("base_link", "tool0", Pose3D((0.3, 0.2, 0.2)), to_ns(rig.now_s)))
        rig.joints.hear(HOME, rig.now_s)
        rig.gate.scene.keep(rig.now_s, picture())
        return rig

    return make
