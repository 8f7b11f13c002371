"""Files and JSON objects become records, or an error that says where, what and what else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from uio2_ros.robot.records import UNLESS_DEFAULT, FieldError, plain, read_yaml, structured


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    size: float
    colour: Colour = Colour.RED
    mode: Literal["a", "b", 1] = "a"

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise FieldError(f"must be positive, got {self.size:g}", "size")
        if self.size > 100:
            raise ValueError("so large a part")


@dataclass(frozen=True)
class Thing:
    name: str
    parts: tuple[Part, ...] = ()
    pair: tuple[int, float] = (1, 2.0)
    weights: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    whole: int = 0
    on: bool = False
    folder: Path = Path()
    rare: int = field(default=3, metadata=UNLESS_DEFAULT)


class OwnError(ValueError):
    """Of who reads."""


WHOLE = Thing(
    "x",
    (Part(0.5, Colour.BLUE, 1), Part(2)),
    (3, 4.5),
    {"a": 1.0},
    0.25,
    7,
    True,
    Path("a/b"),
    4,
)


def test_everything_comes_back_from_json() -> None:
    assert structured(json.loads(json.dumps(plain(WHOLE))), Thing, "thing") == WHOLE


def test_what_is_default_may_be_left_out() -> None:
    assert plain(Thing("x"), defaults=False) == {"name": "x"}
    assert "rare" not in plain(Thing("x"))
    assert plain(Thing("x", rare=4))["rare"] == 4


def test_numbers_of_numpy_are_written_as_those_of_python() -> None:
    record = plain(Thing("x", limit=np.float32(0.5), whole=np.int64(3)))  # type: ignore[arg-type]
    assert json.dumps([record["limit"], record["whole"]]) == "[0.5, 3]"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": 3}, "thing.name is 3, expected str"),
        ({"whole": "3"}, "thing.whole is '3', expected int"),
        ({"whole": 1.5}, "thing.whole is 1.5, expected int"),
        ({"whole": True}, "thing.whole is True, expected int"),
        ({"on": 1}, "thing.on is 1, expected bool"),
        ({"limit": "1"}, "thing.limit is '1', expected float"),
        ({"limit": float("nan")}, "thing.limit is nan, expected finite float"),
        ({"pair": [1]}, "thing.pair is [1], expected list of 2"),
        ({"pair": [1, "a"]}, "thing.pair[1] is 'a', expected float"),
        ({"parts": "abc"}, "thing.parts is 'abc', expected list"),
        ({"parts": [{"size": 1}, 3]}, "thing.parts[1] must be an object, not int"),
        ({"parts": [{"size": 0}]}, "thing.parts[0].size must be positive, got 0"),
        ({"parts": [{"size": 101}]}, "thing.parts[0] cannot be: so large a part"),
        ({"parts": [{"size": 1, "colour": "green"}]}, "colour is 'green', expected one of red, bl"),
        ({"parts": [{"size": 1, "mode": True}]}, "mode is True, expected one of a, b, 1"),
        ({"parts": [{"sise": 1}]}, "thing.parts[0].sise is unknown, expected one of size, colour,"),
        ({"parts": [{}]}, "thing.parts[0] lacks the keys size"),
        ({"weights": {"a": "b"}}, "thing.weights.a is 'b', expected float"),
        ({"weights": [1]}, "thing.weights is [1], expected object"),
    ],
)
def test_mistakes_are_named_with_their_place(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(OwnError) as refused:
        structured({"name": "x", **changes}, Thing, "thing", OwnError)
    assert problem in str(refused.value)


def test_errors_are_of_the_kind_that_is_asked_for() -> None:
    with pytest.raises(OwnError, match="thing must be an object, not list"):
        structured([], Thing, "thing", OwnError)


def test_yaml_is_read_as_what_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "thing.yaml"
    file.write_text(
        "name: 3\nwhole: '7'\non: True\nlimit: 1e-3\nfolder: a/b\npair: [3.0, 4]\n"
        "parts:\n  - {size: 1_0.5, mode: 1}\n".replace("1_0.5", "10.5")
    )
    expected = Thing("3", (Part(10.5, mode=1),), (3, 4.0), {}, 0.001, 7, True, Path("a/b"))
    assert read_yaml(file, Thing, OwnError) == expected
    file.write_text("name: x\nlimit: ~\n")
    assert read_yaml(file, Thing, OwnError) == Thing("x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x\nwhole: 1.5\n", "2: whole is '1.5', expected int"),
        ("name: x\nparts:\n  - size: 1\n  - size: 0\n", "4: parts[1].size must be positive, got 0"),
        ("name: x\nparts:\n  - size: 1\n    size: 2\n", "4: parts[0].size is given twice"),
        ("name: x\n\nnmae: y\n", "3: nmae is unknown, expected one of name, parts"),
        ("\nwhole: 1\n", "2: the file lacks the keys name"),
        ("", "1: the file must be an object, not NoneType"),
        ("name: [\n", "2: not YAML"),
    ],
)
def test_mistakes_in_yaml_are_named_with_their_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "thing.yaml"
    file.write_text(text)
    with pytest.raises(OwnError) as refused:
        read_yaml(file, Thing, OwnError)
    assert str(refused.value).startswith(f"{file}:{problem}")
