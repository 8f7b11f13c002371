import itertools
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.robot.action_dimension import UNITS
from uio2_ros.robot.action_space import Axis, Dimension, DimensionKind, SpaceKind
from uio2_ros.tasks import ActionSpaceError, action_space_folder, load_action_spaces

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
        ("kind: continuous", "kind: jumpy", "2: kind is 'jumpy', expected one of pick_place,"),
        ("name: arm\n", "", "1: the file lacks the keys name"),
        ("name: arm", "name: ''", "1: name is '', expected text that is not empty"),
        ("frame_id: tool", "frame_id: [a]", "3: frame_id is ['a'], expected text"),
        ("frame_id: tool", "frame_id: ~", "3: frame_id is '~', expected text"),
        (
            "frame_id: tool",
            "? [frame_id]\n: tool",
            "1: the file has a key in line 3 that is no text",
        ),
        ("rate_hz: 5", "rate_hz: fast", "4: rate_hz is 'fast', expected float"),
        ("rate_hz: 5", "rate_hz: 0", "4: rate_hz must be positive, got 0"),
        ("rate_hz: 5\n", "", "1: the file lacks the keys rate_hz"),
        ("rate_hz: 5", "rate: 5", "4: rate is unknown, expected one of name, kind, frame_id"),
        ("unit: mm", "unit: inch", "6: dimensions[0].unit is 'inch', expected one of m, cm, mm"),
        (
            "kind: position",
            "kind: bent",
            "6: dimensions[0].kind is 'bent', expected one of position",
        ),
        ("[-100, 100]", "[100, -100]", "6: dimensions[0].range must rise, got 100 to -100"),
        ("[-100, 100]", "[100]", "6: dimensions[0].range is ['100'], expected list of 2"),
        (
            "[-100, 100]",
            "[-100, .inf]",
            "6: dimensions[0].range[1] is '.inf', expected finite float",
        ),
        ("frame_id: tool", "name: leg", "3: name is given twice"),
        (
            "kind: continuous",
            "kind: pick_place",
            "4: rate_hz is for action spaces of kind continuous only",
        ),
        ("name: dx", "name: {a: b}", "6: dimensions[0].name is {'a': 'b'}, expected text"),
        (
            ARM[ARM.index("dimensions:") :],
            "dimensions: []\n",
            "5: dimensions is empty, expected one dimension or more",
        ),
        ("  - {", "  - [", "6: not YAML"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, old, new, problem):
    assert old in ARM
    assert problem_of(tmp_path, ARM.replace(old, new)).startswith(f"space.yaml:{problem}")


def test_dimensions_must_have_different_names(tmp_path):
    text = ARM + ARM.splitlines()[-1] + "\n"
    assert problem_of(tmp_path, text).startswith(
        "space.yaml:7: dimensions[1].name is 'dx', which is given to dimensions[0], too"
    )


def test_motion_primitives_need_x_y_and_yaw(tmp_path):
    text = ARM.replace("continuous", "pick_place").replace("rate_hz: 5\n", "prompt: p\n")
    problem = problem_of(tmp_path, text)
    assert "are x, y, yaw in this order, got dx" in problem


@pytest.mark.parametrize(
    ("actions", "problem"),
    [
        ("", "lacks the keys actions"),
        (
            "actions:\n  - {name: go, values: [1, 2]}\n",
            "7: actions[0].values has 2 numbers, not one per dimension",
        ),
        (
            "actions:\n  - {name: go, values: [101]}\n",
            "7: actions[0].values says 101 of 'dx', which goes from -100 to 100",
        ),
        (
            "actions:\n  - {name: go, values: [1]}\n  - {name: go, values: [2]}\n",
            "8: actions[1].name is 'go'",
        ),
    ],
)
def test_discrete_actions_are_checked(tmp_path, actions, problem):
    text = ARM.replace("continuous", "discrete").replace("rate_hz: 5\n", "") + actions
    assert problem in problem_of(tmp_path, text)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- list\n"])
def test_files_that_hold_no_mapping_are_refused(tmp_path, text):
    assert problem_of(tmp_path, text).startswith("space.yaml:1: the file must be an object")


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


def test_the_shipped_spaces_are_those_of_the_documentation():
    spaces = load_action_spaces(SOURCE)
    assert set(spaces) == {"vima", "pointnav", "ee_delta", "arm7", "diff_drive"}


def test_an_end_effector_moves_by_differences_along_and_about_its_frames_axes():
    space = load_action_spaces(SOURCE)["ee_delta"]
    kinds = [dimension.kind for dimension in space.dimensions]
    assert kinds == [DimensionKind.POSITION] * 3 + [DimensionKind.ROTATION] * 3 + [
        DimensionKind.GRIPPER
    ]
    assert [dimension.axis for dimension in space.dimensions[:6]] == [*Axis, *Axis]
    assert all(dimension.relative for dimension in space.dimensions[:6])
    assert (space.frame_id, space.tip_frame_id, space.chunk) == ("base_link", "tool0", 4)
    turn = space.dimensions[3]
    assert (turn.high, turn.max_rate) == pytest.approx((math.radians(15), math.radians(75)))
    gripper = space.dimensions[6]
    assert [gripper.value(fraction) for fraction in (0, 0.49, 0.5, 1)] == [0, 0, 1, 1]


def test_an_arm_names_its_joints_and_their_limits():
    space = load_action_spaces(SOURCE)["arm7"]
    *joints, gripper = space.dimensions
    assert [joint.joint for joint in joints] == [f"joint{number}" for number in range(1, 8)]
    assert all(joint.kind is DimensionKind.JOINT and not joint.relative for joint in joints)
    assert (joints[3].low, joints[3].high, joints[3].max_rate) == (-3.07, -0.07, 2.1)
    assert joints[0].tolerance == 0.02
    assert (gripper.kind, gripper.joint, gripper.high) == (
        DimensionKind.GRIPPER,
        "finger_joint",
        0.08,
    )


def test_a_base_has_a_velocity_along_x_and_one_about_z():
    forward, turn = load_action_spaces(SOURCE)["diff_drive"].dimensions
    assert (forward.kind, forward.axis, forward.is_angular_velocity) == (
        DimensionKind.VELOCITY,
        Axis.X,
        False,
    )
    assert (turn.kind, turn.axis, turn.is_angular_velocity) == (
        DimensionKind.VELOCITY,
        Axis.Z,
        True,
    )


def test_older_files_with_linear_and_angular_are_read(tmp_path):
    text = ARM.replace("kind: position", "kind: linear")
    text += "  - {name: turn, kind: angular, unit: deg, range: [-90, 90]}\n"
    dx, turn = load_action_spaces(write(tmp_path, text))["arm"].dimensions
    assert (dx.kind, turn.kind) == (DimensionKind.POSITION, DimensionKind.ROTATION)
    assert (dx.axis, dx.relative, dx.max_rate) == (None, False, None)


def dimension(tmp_path, fields):
    text = ARM.replace(ARM.splitlines()[-1], f"  - {{name: d, {fields}}}")
    (found,) = load_action_spaces(write(tmp_path, text))["arm"].dimensions
    return found


def test_a_discrete_dimension_has_the_whole_numbers_of_its_range(tmp_path):
    mode = dimension(tmp_path, 'kind: discrete, unit: "1", range: [-1, 2]')
    assert mode.levels == 4
    assert {mode.value(number / 999) for number in range(1000)} == {-1.0, 0.0, 1.0, 2.0}
    assert mode.fraction(1.4) == mode.fraction(1.0) == pytest.approx(2 / 3)


@given(st.integers(2, 1000), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_levels_are_evenly_spaced_over_the_range(levels, fraction):
    grip = Dimension("g", DimensionKind.GRIPPER, "m", 0.01, 0.09, levels=levels)
    value = grip.value(fraction)
    assert abs(value - (0.01 + 0.08 * fraction)) <= 0.08 / (levels - 1) / 2 + 1e-12
    assert grip.value(grip.fraction(value)) == pytest.approx(value)


@given(st.floats(-3, 5))
@settings(max_examples=100, deadline=None)
def test_values_of_a_dimension_are_fractions_and_back(value):
    joint = Dimension("j", DimensionKind.JOINT, "rad", -3.0, 5.0)
    assert joint.value(joint.fraction(value)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("value", [-3.1, 5.1, math.nan])
def test_values_outside_the_range_have_no_fraction(value):
    joint = Dimension("j", DimensionKind.JOINT, "rad", -3.0, 5.0)
    with pytest.raises(ValueError, match="'j' goes from -3 to 5, got"):
        joint.fraction(value)


GRIP = 'kind: gripper, unit: "%", range: [0, 100]'
JOINT = "kind: joint, unit: rad, range: [-1, 1]"
TURN = "kind: rotation, unit: deg, range: [-1, 1]"
SPEED = "kind: velocity, unit: m/s, range: [-1, 1]"
MODE = 'kind: discrete, unit: "1", range: [0, 3]'


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            TURN.replace("deg", "m"),
            ".unit is 'm', expected one of rad, deg for kind rotation",
        ),
        (SPEED.replace("m/s", "m"), ".unit is 'm', expected one of m/s"),
        (JOINT.replace("rad", "rad/s"), ".unit is 'rad/s', expected one of rad"),
        (MODE.replace('"1"', "m"), ".unit is 'm', expected one of 1 for"),
        (TURN + ", axis: w", ".axis is 'w', expected one of x, y, z"),
        (JOINT + ", axis: x", ".axis is not for dimensions of kind joint"),
        (TURN + ", joint: j", ".joint is not for dimensions of kind rotation"),
        (SPEED + ", relative: true", ".relative is not for dimensions of kind velocity"),
        (JOINT + ", levels: 3", ".levels is not for dimensions of kind joint"),
        (JOINT + ", relative: maybe", ".relative is 'maybe', expected true or false"),
        (JOINT + ", relative: [true]", ".relative is ['true'], expected true or false"),
        (JOINT + ", max_rate: 0", ".max_rate must be positive, got 0"),
        (JOINT + ", max_rate: fast", ".max_rate is 'fast', expected float"),
        (JOINT + ", tolerance: .nan", ".tolerance is '.nan', expected finite float"),
        (JOINT + ", tolerance: -1", ".tolerance must be positive, got -1"),
        (JOINT + ", joint: ''", ".joint is '', expected text that is not empty"),
        (JOINT.replace("[-1, 1]", "[-1, .nan]"), ".range[1] is '.nan', expected finite float"),
        (JOINT.replace("[-1, 1]", "-1"), ".range is '-1', expected list"),
        (GRIP + ", levels: 1", ".levels gives 1 different values; expected 2 to 1000"),
        (GRIP + ", levels: 2000", ".levels gives 2000 different values; expected 2 to 1000"),
        (GRIP + ", levels: 2.5", ".levels is '2.5', expected int"),
        (MODE.replace("3]", "2.5]"), ".range of a discrete dimension ends at whole numbers"),
        (MODE.replace("3]", "5000]"), ".range gives 5001 different values; expected 2 to 1000"),
    ],
)
def test_mistakes_in_a_dimension_are_named_at_its_line(tmp_path, fields, problem):
    text = ARM + f"  - {{name: d, {fields}}}\n"
    assert problem_of(tmp_path, text).startswith(f"space.yaml:7: dimensions[1]{problem}")


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (
            JOINT + ", joint: a",
            JOINT + ", joint: a",
            ".joint is 'a', which is given to dimensions[1], too",
        ),
        (
            TURN + ", axis: z",
            TURN + ", axis: z",
            ".axis is 'rotation z', which is given to dimensions[1], too",
        ),
        (
            SPEED + ", axis: x",
            SPEED + ", axis: x",
            ".axis is 'velocity x', which is given to dimensions[1], too",
        ),
    ],
)
def test_two_dimensions_do_not_move_the_same(tmp_path, first, second, problem):
    text = ARM + f"  - {{name: a, {first}}}\n  - {{name: b, {second}}}\n"
    assert problem_of(tmp_path, text).startswith(f"space.yaml:8: dimensions[2]{problem}")


def test_along_and_about_an_axis_are_not_the_same(tmp_path):
    about = SPEED.replace("m/s", "rad/s")
    text = ARM + f"  - {{name: a, {SPEED}, axis: x}}\n  - {{name: b, {about}, axis: x}}\n"
    assert len(load_action_spaces(write(tmp_path, text))["arm"].dimensions) == 3


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("chunk: 0", "chunk is 0, expected 1 step or more"),
        ("chunk: 1.5", "chunk is '1.5', expected int"),
        ("chunk: many", "chunk is 'many', expected int"),
        ("tip_frame_id: ~", "tip_frame_id is '~', expected text that is not empty"),
    ],
)
def test_mistakes_in_chunks_and_frames_are_named(tmp_path, line, problem):
    text = ARM.replace("rate_hz: 5\n", f"rate_hz: 5\n{line}\n")
    assert problem_of(tmp_path, text).startswith(f"space.yaml:5: {problem}")


def test_only_continuous_spaces_have_chunks(tmp_path):
    text = ARM.replace("continuous", "pick_place").replace("rate_hz: 5", "chunk: 2")
    assert problem_of(tmp_path, text).startswith("space.yaml:4: chunk is for action spaces of")


def test_the_annotated_file_of_the_documentation_is_valid(tmp_path):
    pages = (SOURCE.parents[1] / "docs" / "representations.md").read_text().splitlines()
    start = pages.index("    name: my_arm")
    block = list(itertools.takewhile(lambda line: line.startswith("    "), pages[start:]))
    text = "\n".join(line[4:] for line in block) + "\n"
    space = load_action_spaces(write(tmp_path, text))["my_arm"]
    assert {dimension.kind for dimension in space.dimensions} == set(DimensionKind)
    assert space.dimension_names == tuple(space.prompt.split(", "))
    dx = space.dimensions[0]
    assert (dx.high, dx.max_rate, dx.tolerance) == pytest.approx((0.05, 0.25, 0.002))
    assert (space.chunk, space.rate_hz, space.tip_frame_id) == (4, 5.0, "tool0")


def test_the_documentation_lists_the_kinds_and_their_units():
    pages = (SOURCE.parents[1] / "docs" / "representations.md").read_text()
    for kind, units in UNITS.items():
        assert f"| {kind.value} | {', '.join(units)} |" in pages
