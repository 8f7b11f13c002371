"""agent.launch.py against the description it is generated from.

The launch packages are replaced by recorders, so that this runs everywhere; where launch_ros is
installed, test_launch_for_real.py runs the real thing as well.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from uio2_ros import bringup
from uio2_ros.processes import supervision

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "agent.launch.py"


class Recorder:
    """Keeps what it is made with."""

    def __init__(self, *arguments: object, **options: object) -> None:
        self.arguments = arguments
        self.options = options


class LaunchDescription(Recorder): ...


class DeclareLaunchArgument(Recorder): ...


class OpaqueFunction(Recorder): ...


class SetEnvironmentVariable(Recorder): ...


class Shutdown(Recorder): ...


class Node(Recorder): ...


class ParameterValue(Recorder): ...


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    def provide(name: str, **members: object) -> None:
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)

    provide("launch", LaunchContext=object, LaunchDescription=LaunchDescription)
    actions = (DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable, Shutdown)
    provide("launch.actions", **{action.__name__: action for action in actions})
    provide("launch_ros")
    provide("launch_ros.actions", Node=Node)
    provide("launch_ros.parameter_descriptions", ParameterValue=ParameterValue)
    specification = importlib.util.spec_from_file_location("agent_launch", LAUNCH_FILE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def start(launch_file: ModuleType, given: dict[str, str], **environment: str) -> list[Recorder]:
    """The actions of a launch with these arguments, in order."""
    (entities,) = launch_file.generate_launch_description().arguments
    first = entities[0]
    assert isinstance(first, OpaqueFunction)
    context = SimpleNamespace(launch_configurations=given, environment=environment)
    actions: list[Recorder] = first.options["function"](context)
    return actions


def nodes(actions: list[Recorder]) -> dict[str, dict[str, object]]:
    return {
        str(action.options["name"]): action.options
        for action in actions
        if isinstance(action, Node)
    }


def test_every_argument_is_declared_at_top_level(launch_file: ModuleType) -> None:
    (entities,) = launch_file.generate_launch_description().arguments
    declared = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    assert [(entity.arguments[0], entity.options["default_value"]) for entity in declared] == [
        (argument.name, argument.shown) for argument in bringup.ARGUMENTS.values()
    ]
    descriptions = [entity.options["description"] for entity in declared]
    assert descriptions == [argument.description for argument in bringup.ARGUMENTS.values()]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"camera": "off", "namespace": "robot"},
        {"model": "some/model", "tokenizer": "t.model", "image_topic": "/eye", "camera": "0"},
        {"bridge": "true", "namespace": "robot", "params_file": ""},
        {"rviz": "true", "use_sim_time": "True", "log_level": "debug", "microphone": "off"},
    ],
)
def test_nodes_are_the_processes_of_the_description(
    launch_file: ModuleType, given: dict[str, str]
) -> None:
    settings = bringup.Settings.parse(given)
    launched = nodes(start(launch_file, given))
    described = {process.name: process for process in bringup.processes(settings)}
    assert list(launched) == list(described)
    for name, process in described.items():
        node = launched[name]
        assert (node["package"], node["executable"]) == (process.package, process.executable)
        assert node["namespace"] == settings.namespace
        assert node["remappings"] == list(process.remappings)
        assert node["arguments"] == list(process.arguments)
        assert node["ros_arguments"] == ["--log-level", settings.log_level]
        file, parameters = node["parameters"]
        assert file == str(settings.parameter_file)
        assert {key: plain(value) for key, value in parameters.items()} == process.parameters


def variables(actions: list[Recorder]) -> dict[object, object]:
    return dict(
        action.arguments for action in actions if isinstance(action, SetEnvironmentVariable)
    )


def plain(value: object) -> object:
    """Texts come as ParameterValue of type str, the others as they are."""
    if isinstance(value, ParameterValue):
        assert value.options == {"value_type": str}
        return value.arguments[0]
    assert not isinstance(value, str)
    return value


def test_end_of_a_needed_node_ends_the_launch(launch_file: ModuleType) -> None:
    launched = nodes(start(launch_file, {"rviz": "true"}))
    for name in ("agent", "camera", "microphone"):
        assert isinstance(launched[name]["on_exit"][0], Shutdown)
    assert launched["rviz"]["on_exit"] is None


def test_signals_escalate_as_those_of_up_do(launch_file: ModuleType) -> None:
    agent = nodes(start(launch_file, {}))["agent"]
    assert float(agent["sigterm_timeout"]) == supervision.GROUP_SIGTERM_AFTER_S
    whole_s = float(agent["sigterm_timeout"]) + float(agent["sigkill_timeout"])
    assert whole_s == supervision.SIGKILL_AFTER_S


def test_dds_profile_is_set_before_the_nodes_unless_the_user_has_one(
    launch_file: ModuleType,
) -> None:
    kinds = [type(action) for action in start(launch_file, {})]
    assert kinds == [SetEnvironmentVariable, SetEnvironmentVariable, Node, Node, Node]
    profile = str(bringup.config_folder() / "fastdds.xml")
    assert variables(start(launch_file, {}))["FASTDDS_DEFAULT_PROFILES_FILE"] == profile
    own = start(launch_file, {}, FASTDDS_BUILTIN_TRANSPORTS="LARGE_DATA")
    assert list(variables(own)) == [bringup.LAUNCHER_VARIABLE]


def test_configurations_of_an_including_launch_file_are_ignored(launch_file: ModuleType) -> None:
    assert list(nodes(start(launch_file, {"robot_model": "turtle"}))) == [
        "camera",
        "microphone",
        "agent",
    ]


def test_impossible_argument_stops_the_launch_with_its_reason(launch_file: ModuleType) -> None:
    with pytest.raises(bringup.BringupError, match="expected one of: true, false"):
        start(launch_file, {"rviz": "maybe"})
