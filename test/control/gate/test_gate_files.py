"""Files of the gate: the workspace and the robot's description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from control.gate.conftest import URDF, WORKSPACE

from uio2_ros.control.gate.robot_description import RobotDescriptionError, read_urdf
from uio2_ros.control.gate.workspace import WorkspaceError, read_workspace


def test_workspace_has_a_box_and_zones_in_its_frame(tmp_path: Path) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(WORKSPACE + "  - {low: [0, 0, 0], high: [1, 1, 1], frame: camera}\n")
    workspace = read_workspace(str(file))
    assert workspace.box is not None
    assert [zone.frame_id for zone in workspace.zones] == ["table", "table", "camera"]
    assert workspace.box.high == (1.0, 0.8, 1.0)


@pytest.mark.parametrize(
    "text", ["frame: table\nbox: {low: [0, 0, 0], high: [1, 0, 1]}", "box: {low: [0, 0, 0]}"]
)
def test_workspace_that_makes_no_sense_is_refused_with_file_and_line(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(text)
    with pytest.raises(WorkspaceError, match=r"workspace\.yaml:\d"):
        read_workspace(str(file))


def test_links_are_where_the_joints_lead() -> None:
    robot = read_urdf(URDF)
    quarter = np.array([0.0, np.pi / 2])
    places = robot.places({"shoulder": quarter, "elbow": np.zeros(2)}, ["shoulder"])
    np.testing.assert_allclose(places[-1], [(0.7, 0.0, 0.0), (0.0, 0.7, 0.0)], atol=1e-12)
    lower = robot.places({"shoulder": np.zeros(1), "elbow": quarter[1:]}, ["elbow"])
    np.testing.assert_allclose(lower, [[(0.4, 0.0, 0.0)], [(0.4, 0.3, 0.0)]], atol=1e-12)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<robot>", "no usable URDF"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><robot/>", "entities"),
        (URDF.replace('lower="-1.5"', 'lower="low"'), "could not convert"),
        (URDF.replace('lower="-1.5"', 'lower="nan"'), "no number"),
        (URDF.replace('<parent link="base_link"/>', '<parent link="hand"/>'), "tree"),
    ],
)
def test_description_that_makes_no_sense_is_refused(text: str, problem: str) -> None:
    with pytest.raises(RobotDescriptionError, match=problem):
        read_urdf(text)
