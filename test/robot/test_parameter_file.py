"""Files of ROS parameters are read as rcl does, whichever way they name nodes and parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from uio2_ros.robot.parameter_file import ParameterFileError, parameters_of, read_parameters


@pytest.mark.parametrize(
    "content",
    [
        "/**: {agent: {ros__parameters: {history: {count: 4}, model: nano}}}",
        "/**/agent: {ros__parameters: {history.count: 4, model: nano}}",
        "/robot: {agent: {ros__parameters: {history: {count: 4}, model: nano}}}",
        "agent: {ros__parameters: {history: {count: 4}, model: nano}}",
        "/**: {ros__parameters: {history: {count: 4}, model: nano}}",
        "/**: {ros__parameters: {model: tiny}}\n"
        "agent: {ros__parameters: {history.count: 4, model: nano}}",
    ],
)
def test_all_ways_to_name_a_node_are_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    assert parameters_of(file, "agent") == {"history.count": 4, "model": "nano"}


def test_parameters_of_others_are_not_a_nodes(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("bridge: {ros__parameters: {rate: 1}}\n/my_agent: {ros__parameters: {x: 1}}\n")
    assert parameters_of(file, "agent") == {}
    assert read_parameters(file) == (("/bridge", {"rate": 1}), ("//my_agent", {"x": 1}))


@pytest.mark.parametrize("content", ["", "agent:", "agent: {ros__parameters: }"])
def test_a_file_may_give_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    assert parameters_of(file, "agent") == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("agent: [", "is not YAML"),
        ("just words", "holds no parameters of nodes"),
        ("agent: {ros__parameters: [1]}", r"own.yaml: ros__parameters of /agent is \[1\]"),
    ],
)
def test_what_gives_nodes_no_parameters_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(ParameterFileError, match=said):
        read_parameters(file)
