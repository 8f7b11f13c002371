import math
import re
from pathlib import Path

import pytest

from uio2_ros.tasks import ActionSpaceError, action_space_folder, load_action_spaces
from uio2_ros.tasks.action_space import DimensionKind, SpaceKind

SOURCE = Path(__file__).parents[2] / "config" / "action_spaces"
ARM = """\
name: arm
kind: continuous
frame_id: tool
rate_hz: 5
dimensions:
  - {name: dx, kind: position, unit: mm, range: [-100, 100]}
"""


def write(folder, text, name="space.yaml"):
    (folder / name).write_text(text)
    return folder


def problem_of(folder, text):
    with pytest.raises(ActionSpaceError) as problem:
        load_action_spaces(write(folder, text))
    return str(problem.value).removeprefix(f"{folder}/")


def test_vima_covers_the_table_in_metres_and_radians():
    vima = load_action_spaces(SOURCE)["vima"]
    x, y, yaw = vima.dimensions
    assert vima.kind is SpaceKind.PICK_PLACE
    assert ((x.low, x.high), (y.low, y.high)) == ((0.25, 0.75), (-0.5, 0.5))
    assert (yaw.low, yaw.high) == (0.0, pytest.approx(2 * math.pi))
    assert x.value(0.5) == 0.5


def test_pointnav_actions_are_named_and_have_motions():
    pointnav = load_action_spaces(SOURCE)["pointnav"]
    assert [action.name for action in pointnav.actions] == ["stop", "forward", "left", "right"]
    assert pointnav.action("forward").values == (0.25, 0.0)
    assert pointnav.action("right").values == pytest.approx((0.0, -math.radians(10)))
    assert pointnav.prompt == "stop, forward, left, right"


def test_a_continuous_space_has_a_rate_and_si_ranges(tmp_path):
    arm = load_action_spaces(write(tmp_path, ARM))["arm"]
    (dx,) = arm.dimensions
    assert (arm.rate_hz, arm.frame_id, arm.prompt) == (5.0, "tool", "dx")
    assert (dx.kind, dx.low, dx.high) == (DimensionKind.POSITION, -0.1, 0.1)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: continuous", "kind: jumpy", "2: unknown kind 'jumpy'; expected one of pick_place,"),
        ("name: arm\n", "", "1: 'name' is missing"),
        ("name: arm", "name: ''", "1: 'name' must be text that is not empty"),
        ("frame_id: tool", "frame_id: [a]", "3: 'frame_id' must be text"),
        ("frame_id: tool", "frame_id: ~", "3: 'frame_id' must be text"),
        ("frame_id: tool", "? [frame_id]\n: tool", "3: a key must be text"),
        ("rate_hz: 5", "rate_hz: fast", "4: 'rate_hz' must be a finite number, got 'fast'"),
        ("rate_hz: 5", "rate_hz: 0", "4: 'rate_hz' must be positive, got 0"),
        ("rate_hz: 5\n", "", "1: 'rate_hz' is missing"),
        ("rate_hz: 5", "rate: 5", "4: unknown key 'rate'; expected one of dimensions, frame_id"),
        ("unit: mm", "unit: inch", "6: unknown unit 'inch'; expected one of m, cm, mm"),
        ("kind: position", "kind: bent", "6: unknown kind 'bent'; expected one of position"),
        ("[-100, 100]", "[100, -100]", "6: 'range' must rise, got 100 to -100"),
        ("[-100, 100]", "[100]", "6: 'range' must be a list of 2 numbers"),
        ("[-100, 100]", "[-100, .inf]", "6: 'range' must be a finite number, got '.inf'"),
        ("frame_id: tool", "name: leg", "3: 'name' is given twice"),
        ("kind: continuous", "kind: pick_place", "4: unknown key 'rate_hz'"),
        ("name: dx", "name: {a: b}", "6: 'name' must be text"),
        ("dimensions:", "dimensions: []\nprompt:", "5: 'dimensions' must be a list of one or more"),
        ("  - {", "  - [", "6: not YAML"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, old, new, problem):
    assert old in ARM
    assert problem_of(tmp_path, ARM.replace(old, new)).startswith(f"space.yaml:{problem}")


def test_dimensions_must_have_different_names(tmp_path):
    text = ARM + ARM.splitlines()[-1] + "\n"
    assert problem_of(tmp_path, text).startswith("space.yaml:7: the name 'dx' is given to two")


def test_motion_primitives_need_x_y_and_yaw(tmp_path):
    text = ARM.replace("continuous", "pick_place").replace("rate_hz: 5\n", "prompt: p\n")
    problem = problem_of(tmp_path, text)
    assert "has the dimensions x, y, yaw in this order, got dx" in problem


@pytest.mark.parametrize(
    ("actions", "problem"),
    [
        ("", "'actions' is missing"),
        ("actions:\n  - {name: go, values: [1, 2]}\n", "7: 'values' must be a list of 1 numbers"),
        (
            "actions:\n  - {name: go, values: [101]}\n",
            "7: the value of 'dx' lies outside the range",
        ),
        (
            "actions:\n  - {name: go, values: [1]}\n  - {name: go, values: [2]}\n",
            "9: the name 'go' is given to two",
        ),
    ],
)
def test_discrete_actions_are_checked(tmp_path, actions, problem):
    text = ARM.replace("continuous", "discrete").replace("rate_hz: 5\n", "") + actions
    assert problem in problem_of(tmp_path, text)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- list\n"])
def test_files_that_hold_no_mapping_are_refused(tmp_path, text):
    assert problem_of(tmp_path, text).startswith("space.yaml:1: expected a mapping")


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "space.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ActionSpaceError, match=r"space\.yaml: cannot be read as text"):
        load_action_spaces(tmp_path)


def test_two_files_may_not_declare_the_same_space(tmp_path):
    write(tmp_path, ARM, "a.yaml")
    write(tmp_path, ARM, "b.yaml")
    with pytest.raises(ActionSpaceError, match=r"b\.yaml:1: another file also declares 'arm'"):
        load_action_spaces(tmp_path)


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(ActionSpaceError, match=re.escape(f"{tmp_path}: holds no *.yaml file")):
        load_action_spaces(tmp_path)


def test_the_source_tree_is_found_without_an_installation(monkeypatch, tmp_path):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    assert action_space_folder() == SOURCE


def test_an_installed_package_comes_before_the_source_tree(monkeypatch, tmp_path):
    installed = tmp_path / "share" / "uio2_ros" / "config" / "action_spaces"
    installed.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert action_space_folder() == installed
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    assert action_space_folder() == installed


def test_an_explicit_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ActionSpaceError, match=r"looked for .*/nowhere"):
        action_space_folder(tmp_path / "nowhere")
