"""When two definitions of a type are the same on the wire."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from uio2_ros.recording.definitions import definition_of, layout_difference, name_differences
from uio2_ros.recording.failures import RecordingError

PACKAGES = ("sensor_msgs", "geometry_msgs", "nav_msgs", "std_msgs", "visualization_msgs")
LINE = "=" * 80
TYPE = "test_msgs/msg/Thing"


def installed_types() -> list[str]:
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [
        f"{package}/msg/{file.stem}"
        for package in PACKAGES
        for prefix in prefixes
        for file in sorted(Path(prefix, "share", package, "msg").glob("*.msg"))
    ]


def in_another_order(definition: str) -> str:
    """The dependencies from the last to the first, comments and constants gone."""
    head, *parts = definition.split(f"{LINE}\n")
    text = f"{LINE}\n".join([head, *(part.rstrip() + "\n" for part in parts[::-1])])
    return re.sub(r"^[ \t]*\w+[ \t]+\w+[ \t]*=.*$", "", re.sub("#.*", "", text), flags=re.MULTILINE)


def test_every_installed_type_is_itself_in_another_order() -> None:
    types = installed_types()
    assert len(types) > 80
    for name in types:
        definition = definition_of(name)
        assert layout_difference(name, definition, in_another_order(definition)) == "", name


@pytest.mark.parametrize(
    "same",
    [
        "int32 a\nstring b",
        "int32 a 5\nstring b 'x'  # with defaults",
        "uint8 KIND=3\nint32   a\n\n# b\nstring b",
        "uint16 KIND = 4\nint32 a\nstring b",
    ],
)
def test_constants_defaults_and_comments_do_not_count(same: str) -> None:
    assert layout_difference(TYPE, "uint8 KIND=1\nint32 a\nstring b", same) == ""


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("string b\nint32 a", "int32 a and string b"),
        ("int32 a\nstring b\nbool c", "nothing and bool c"),
        ("int32 a", "string b and nothing"),
        ("uint32 a\nstring b", "int32 a and uint32 a"),
        ("int32[2] a\nstring b", r"int32 a and int32\[2\] a"),
        ("int32 a\nstring<=5 b", "string b and string<=5 b"),
    ],
)
def test_order_type_and_bounds_count(other: str, told: str) -> None:
    assert re.search(told, layout_difference(TYPE, "int32 a\nstring b", other))


def nested(inner: str, array: str = "") -> str:
    return f"Inner{array} inner\n{LINE}\nMSG: test_msgs/Inner\n{inner}"


def test_nested_messages_count_to_the_last() -> None:
    assert layout_difference(TYPE, nested("int32 a"), nested("int32 a\n# b")) == ""
    assert "inner.a" in layout_difference(TYPE, nested("int32 a"), nested("int64 a"))
    assert layout_difference(TYPE, nested("int32 a"), nested("int32 a", "[]"))
    assert layout_difference(TYPE, nested("int32 a", "[3]"), nested("int32 a", "[]"))
    times = "builtin_interfaces/Time stamp"
    assert layout_difference(TYPE, times, "int32 sec\nuint32 nanosec") == "", "always known"


def test_other_names_are_told_and_no_other_layout() -> None:
    assert layout_difference(TYPE, "float64[9] K\nbyte b", "float64[9] k\nuint8 b") == ""
    assert name_differences(TYPE, "float64[9] K\nbyte b", "float64[9] k\nuint8 b") == ["K and k"]


def test_an_empty_message_is_the_byte_that_rosidl_makes_of_it() -> None:
    assert layout_difference("std_msgs/msg/Empty", "", "# nothing") == ""
    assert "structure_needs_at_least_one_member" in layout_difference(TYPE, "", "int32 a")


@pytest.mark.parametrize(
    "wrong",
    ["Unknown x", "int32", "Thing again", "<html>", "module m { struct S { uint8 a; }; };"],
)
def test_what_is_no_definition_is_refused(wrong: str) -> None:
    with pytest.raises(RecordingError, match=r"missing, or contains itself|no line of a message"):
        layout_difference(TYPE, wrong, "int32 a")
