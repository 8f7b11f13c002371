"""Settings as parameters: names, defaults, and what the strings below the fields say."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.nodes.dataclass_parameters import defaults_of, descriptions_of
from uio2_ros.tasks.settings import TaskSettings


@dataclass(frozen=True)
class Pencil:
    """To draw with."""

    long_name: int = 3
    width_m: float = 0.5
    """Of the line,
    in metres."""

    def __post_init__(self) -> None:
        """Not a field."""


def test_fields_have_defaults_and_descriptions() -> None:
    assert defaults_of(Pencil) == {"long_name": 3, "width_m": 0.5}
    assert descriptions_of(Pencil) == {
        "long_name": "long name",
        "width_m": "Of the line, in metres.",
    }


def test_every_setting_of_the_tasks_can_be_a_parameter() -> None:
    defaults = defaults_of(TaskSettings)
    assert TaskSettings(**defaults) == TaskSettings()
    assert {type(value) for value in defaults.values()} <= {bool, int, float, str}
    assert all(descriptions_of(TaskSettings)[name] for name in defaults)
