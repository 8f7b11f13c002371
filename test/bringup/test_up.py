"""`./uio2 up` as a person meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bringup.running_graph import RunningGraph
from patience import patient

from uio2_ros import bringup
from uio2_ros.cli import up
from uio2_ros.model.bundle import local_bundle
from uio2_ros.sim import sample_episode

REPOSITORY = Path(__file__).parents[2]


def test_help_lists_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert up.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for argument in bringup.ARGUMENTS.values():
        assert f"  {argument.name}:={argument.shown}" in printed
        assert argument.description in printed


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("modle:=x", "did you mean model:=?"),
        ("model=x", "such as model:=x"),
        ("autostart:=maybe", "expected one of: true, false"),
    ],
)
def test_wrong_argument_ends_with_code_2_and_the_right_one(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert up.main([word]) == 2
    assert message in capsys.readouterr().err


def test_missing_rviz_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert up.main(["rviz:=true"]) == 2
    assert "rviz2 is not installed; leave rviz:=true out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "given", "says_synthetic"),
    [
        ("agent: {PARAMETERS}", {}, False),
        ("/**: {PARAMETERS}", {}, False),
        ("/**/agent: {PARAMETERS}", {}, False),
        ("/**: {agent: {PARAMETERS}}", {}, False),
        ("camera: {PARAMETERS}", {}, True),
        ("", {}, True),
        ("agent: {PARAMETERS}", {"model": "synthetic:tiny"}, True),
    ],
)
def test_banner_tells_synthetic_weights_from_a_checkpoint(
    tmp_path: Path, section: str, given: dict[str, str], says_synthetic: bool
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(section.replace("PARAMETERS", "ros__parameters: {model: some/checkpoint}"))
    settings = bringup.Settings.parse({**given, "params_file": str(file)})
    banner = up._banner(settings)
    assert ("synthetic: " in banner) is says_synthetic
    assert ("some/checkpoint" in banner) is not says_synthetic
    assert './uio2 ask "find the cup"' in banner


def test_banner_names_the_topics_in_their_namespace() -> None:
    banner = up._banner(bringup.Settings.parse({"namespace": "bot", "image_topic": "/eye"}))
    assert "/bot/agent/instruct" in banner
    assert " /eye\n" in banner
    assert "/bot/audio" in banner
    assert './uio2 ask "find the cup" --namespace /bot' in banner
    assert "-r __ns:=/bot" in banner


def assert_all_ended(graph: RunningGraph) -> None:
    deadline_s = time.monotonic() + patient(2.0)
    while (left := graph.descendants()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not left


@pytest.mark.ros
def test_graph_comes_up_greets_and_ends(
    start_graph: Callable[..., RunningGraph],
) -> None:
    graph = start_graph("microphone:=off", "namespace:=bot", "camera:=uio2_ros/assets/demo.jpg")
    graph.wait_for("uio2_ros is up")
    graph.wait_for(r"camera \| .*on /bot/image")
    modules = " ".join(graph.descendants().values())
    assert "uio2_ros.nodes.sources.camera" in modules
    assert "uio2_ros.nodes.agent.node" in modules
    assert "uio2_ros.nodes.sources.microphone" not in modules
    assert graph.end() == 0, graph.text
    assert_all_ended(graph)
    assert "Traceback" not in graph.text


@pytest.mark.ros
def test_ctrl_c_while_everything_starts_ends_without_a_traceback(
    start_graph: Callable[..., RunningGraph],
) -> None:
    graph = start_graph()
    deadline_s = time.monotonic() + patient(30)
    while len(graph.descendants()) < 3 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert graph.end() == 0, graph.text
    assert_all_ended(graph)
    assert "Traceback" not in graph.text


@pytest.mark.ros
def test_waiting_for_an_agent_ends_without_a_traceback(ros_environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "uio2_ros.nodes.agent.await_active", "/nobody"]
    waiting = subprocess.Popen(words, env=ros_environment, stderr=subprocess.PIPE, text=True)
    time.sleep(3.0)  # it says nothing; by then it looks for the agent, or still imports
    waiting.send_signal(signal.SIGTERM)
    _, said = waiting.communicate(timeout=patient(10))
    assert (waiting.returncode in (1, -signal.SIGTERM), said) == (True, "")


@pytest.mark.ros
def test_process_that_dies_is_named_and_ends_the_graph(
    start_graph: Callable[..., RunningGraph],
) -> None:
    graph = start_graph("microphone:=off", "autostart:=false")
    graph.wait_for(r"camera \| .*on /image")
    (camera,) = [
        pid
        for pid, words in graph.descendants().items()
        if "uio2_ros.nodes.sources.camera" in words
    ]
    os.kill(camera, signal.SIGKILL)
    assert graph.process.wait(timeout=patient(10)) == 1
    graph._reader.join(timeout=patient(5))
    assert "camera was ended by SIGKILL; its last lines were:" in graph.text
    assert_all_ended(graph)


@pytest.mark.ros
def test_killed_supervisor_takes_its_nodes_along(
    start_graph: Callable[..., RunningGraph],
) -> None:
    graph = start_graph("microphone:=off", "autostart:=false")
    graph.wait_for(r"camera \| .*on /image")
    graph.process.kill()
    graph.process.wait()
    assert_all_ended(graph)


def test_banner_of_a_simulated_robot_says_what_its_episode_wants() -> None:
    settings = bringup.Settings.parse({"sim": "true", "sim_task": "stack", "sim_seed": "3"})
    wanted = sample_episode("stack", 3).instruction
    assert f'./uio2 ask "{wanted}"' in up._banner(settings)


@pytest.mark.parametrize(
    ("words", "simulated"),
    [
        ((), True),
        (("log_level:=warn", "sim_task:=stack"), True),
        (("sim:=true",), True),
        (("sim:=false",), False),
        (("camera:=/dev/video0",), False),
        (("image_topic:=/eye",), False),
        (("model:=synthetic",), False),
        (("params_file:=own.yaml",), False),
    ],
)
def test_without_a_robot_it_is_the_simulated_one(words: tuple[str, ...], simulated: bool) -> None:
    given = up._as_people_expect(bringup.split_arguments(words))
    assert (given.get("sim") == "true") is simulated


def test_the_simulated_robot_has_the_model_that_knows_it(tmp_path: Path) -> None:
    def model(**given: str) -> object:
        running = bringup.processes(bringup.Settings.parse(given))
        return next(one for one in running if one.name == "agent").parameters.get("model")

    own = tmp_path / "own.yaml"
    own.write_text("agent: {ros__parameters: {model: some/checkpoint}}")
    assert model(sim="true") == "uio2-nano"
    assert model(sim="true", model="some/checkpoint") == "some/checkpoint"
    assert model(sim="true", params_file=str(own)) is None
    assert model() is None


def test_banner_says_what_a_bundle_was_trained_for() -> None:
    banner = up._banner(bringup.Settings.parse({"sim": "true"}))
    bundle = local_bundle("uio2-nano")
    assert bundle is not None
    words = " ".join(banner.split())
    assert "model uio2-nano" in words
    assert bundle.description in words
    assert all(task in words for task in bundle.trained_for.tasks)
