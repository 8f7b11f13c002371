"""Settings written down once: their bounds, their parsing, and what is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from uio2_ros.settings import check, from_values, group, setting, settings_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Case:
    """Around the pencil."""

    room_bytes: int = setting(2048, "kilobytes", name="kilobytes", unit=1024, low=1, high=8)
    lid: bool = setting(True, "it closes")


@dataclass(frozen=True)
class Pencil:
    """To draw with."""

    width_mm: float = setting(0.5, "millimetres of the line", low=0.1, high=5.0, name="width")
    sides: int = setting(6, "of the wood", low=3, high=12)
    colour: Colour = setting(Colour.RED, "of the lead")
    maker: str = setting("", "a word", pattern=r"\w*", form="one word")
    case: Case = group(Case, "case")
    sharpened: int = 0  # no setting

    def __post_init__(self) -> None:
        check(self)


def test_names_are_dotted_and_defaults_are_as_people_write_them() -> None:
    assert {name: known.default for name, known in settings_of(Pencil).items()} == {
        "width": 0.5,
        "sides": 6,
        "colour": "red",
        "maker": "",
        "case.kilobytes": 2,
        "case.lid": True,
    }
    assert settings_of(Pencil)["colour"].meaning == "of the lead: red, blue"


def test_values_by_name_become_the_dataclass() -> None:
    values = {"width": 1, "colour": "blue", "case.kilobytes": 3, "case.lid": False, "other": 1}
    assert from_values(Pencil, values) == Pencil(
        width_mm=1.0, colour=Colour.BLUE, case=Case(3 * 1024, lid=False)
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("width", 6.0, "a number from 0.1 to 5"),
        ("width", float("nan"), "a number from 0.1 to 5"),
        ("width", True, "a number"),
        ("width", "1.0", "a number"),
        ("sides", 3.5, "a whole number from 3 to 12"),
        ("sides", 13, "a whole number from 3 to 12"),
        ("colour", "green", "one of: red, blue"),
        ("maker", "two words", "one word"),
        ("case.lid", "yes", "one of: true, false"),
        ("case.kilobytes", 0, "a whole number from 1 to 8"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: object, expected: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value!r}; expected {expected}"):
        from_values(Pencil, {name: value})


def test_fields_that_cannot_be_are_refused_by_their_own_name() -> None:
    with pytest.raises(ValueError, match=r"width_mm is 9.0; expected a number from 0.1 to 5"):
        Pencil(width_mm=9.0)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("width", " 1.5 ", 1.5), ("sides", "4", 4), ("case.lid", "FALSE", False), ("maker", "7", "7")],
)
def test_typed_text_is_parsed(name: str, text: str, value: object) -> None:
    assert settings_of(Pencil)[name].parsed(text) == value


@pytest.mark.parametrize(
    ("name", "text"), [("width", "wide"), ("sides", "4.5"), ("case.lid", "1"), ("colour", "Red")]
)
def test_typed_nonsense_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*; expected"):
        settings_of(Pencil)[name].parsed(text)


def test_files_made_from_the_settings_are_up_to_date() -> None:
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    from uio2_ros.cli.docs import ROOT, documents

    stale = [
        str(file.relative_to(ROOT))
        for file, text in documents().items()
        if file.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run ./uio2 docs"


def test_every_parameter_says_more_than_its_name() -> None:
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    from uio2_ros.cli.docs import nodes

    for node, known in nodes().items():
        for name, item in known.items():
            said = set(item.description.lower().split())
            assert said - set(name.replace(".", "_").split("_")), f"{node}: {name}"
            assert len(item.meaning) >= 10, f"{node}: {name}"
