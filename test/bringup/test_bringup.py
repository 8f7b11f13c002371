"""The description of the graph."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from uio2_ros import bringup
from uio2_ros.bringup import BringupError, Process, Settings, processes, split_arguments
from uio2_ros.nodes.bridge.parameters import BridgeNodeSettings
from uio2_ros.settings import settings_of

PROMISED = {
    *("namespace", "params_file", "model", "tokenizer", "device", "image_topic", "audio_topic"),
    *("autostart", "rviz", "log_level", "use_sim_time", "microphone", "camera", "bridge"),
}


def running(**given: str) -> dict[str, Process]:
    return {process.name: process for process in processes(Settings.parse(given))}


def test_promised_arguments_exist_and_are_described() -> None:
    assert set(bringup.ARGUMENTS) >= PROMISED
    assert all(argument.description for argument in bringup.ARGUMENTS.values())


def test_defaults_run_camera_microphone_and_agent() -> None:
    assert list(running()) == ["camera", "microphone", "agent"]


def test_bridge_runs_where_it_is_asked_for() -> None:
    bridge = running(bridge="true", use_sim_time="true")["bridge"]
    assert (bridge.executable, bridge.module) == ("bridge_node", "uio2_ros.nodes.bridge.node")
    assert bridge.parameters == {"use_sim_time": True}
    assert bridge.needed


def test_sources_can_be_turned_off() -> None:
    assert list(running(camera="off", microphone="off")) == ["agent"]


def test_auto_source_yields_to_a_topic_of_the_users_own() -> None:
    assert "camera" not in running(image_topic="/front/image_raw")
    assert "microphone" not in running(audio_topic="/microphone/audio")


def test_named_source_publishes_on_the_topic_of_the_users_own() -> None:
    camera = running(image_topic="/front/image_raw", camera="clip.mp4")["camera"]
    assert camera.parameters == {"source": "clip.mp4"}
    assert dict(camera.remappings) == {
        "image": "/front/image_raw",
        "image/compressed": "/front/image_raw/compressed",
    }


def test_only_given_arguments_override_the_parameter_file() -> None:
    assert running()["agent"].parameters == {}
    agent = running(model="synthetic", autostart="False", use_sim_time="true")["agent"]
    assert agent.parameters == {"model": "synthetic", "autostart": False, "use_sim_time": True}


def test_clock_is_that_of_all_nodes() -> None:
    graph = running(use_sim_time="true", rviz="true")
    assert all(process.parameters["use_sim_time"] is True for process in graph.values())


def test_rviz_shows_the_shipped_configuration_and_may_be_closed() -> None:
    rviz = running(rviz="true")["rviz"]
    assert rviz.arguments[0] == "-d"
    assert rviz.arguments[1].endswith("config/agent.rviz")
    assert not rviz.needed


def test_rviz_looks_at_the_topics_of_the_agent() -> None:
    """Those of agent.rviz are relative, so that the namespace is RViz's too."""
    shown = yaml.safe_load((bringup.config_folder() / "agent.rviz").read_text())
    displays = shown["Visualization Manager"]["Displays"]
    topics = [display["Topic"]["Value"] for display in displays if "Topic" in display]
    assert "image" in topics
    assert not [topic for topic in topics if topic.startswith("/")]
    own = {"image_topic": "/cam/image", "camera_info_topic": "/cam/info"}
    graph = running(rviz="true", namespace="bot", **own)
    assert dict(graph["rviz"].remappings) == {
        "image": "/cam/image",
        "camera_info": "/cam/info",
        "image/compressed": "/cam/image/compressed",
    }
    assert set(graph["rviz"].remappings) == set(graph["agent"].remappings)


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert running(camera="0", model="7")["camera"].parameters["source"] == "0"
    assert running(model="7")["agent"].parameters["model"] == "7"


@pytest.mark.parametrize(
    ("written", "namespace"),
    [("", ""), ("robot", "/robot"), ("/robot/", "/robot"), ("a/b_2", "/a/b_2")],
)
def test_namespace_is_made_absolute(written: str, namespace: str) -> None:
    assert Settings.parse({"namespace": written}).namespace == namespace


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modle": "x"}, "unknown argument modle:=; did you mean model:=.*tokenizer"),
        ({"rviz": "maybe"}, "rviz:=maybe is not possible; expected one of: true, false"),
        ({"log_level": "loud"}, "expected one of: debug, info, warn, error, fatal"),
        ({"namespace": "two words"}, "expected words"),
        ({"image_topic": "a b"}, "image_topic:=a b is not possible; expected a ROS topic"),
        ({"audio_topic": ""}, "audio_topic:= is not possible; expected a ROS topic"),
        ({"device": "gpu"}, "device:=gpu is not possible; expected auto, cpu, cuda or cuda:<numb"),
        ({"device": "cuda:x"}, "device:=cuda:x is not possible"),
        ({"params_file": "/nothing.yaml"}, "params_file:=/nothing.yaml cannot be read .No such"),
        ({"params_file": "/"}, "params_file:=/ cannot be read .Is a directory"),
    ],
)
def test_impossible_arguments_say_what_is_possible(given: dict[str, str], message: str) -> None:
    with pytest.raises(BringupError, match=message):
        Settings.parse(given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("agent: [", "is not YAML: .*line 1"),
        ("just words", "holds no parameters of nodes; .*agent.yaml"),
    ],
)
def test_parameter_file_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(BringupError, match=f"(?s){message}"):
        Settings.parse({"params_file": str(file)})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_device_of_the_model(device: str) -> None:
    assert Settings.parse({"device": device}).device == device


def test_words_become_arguments() -> None:
    assert split_arguments(["model:=a:=b", "tokenizer:="]) == {"model": "a:=b", "tokenizer": ""}


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [("model=x", "such as model:=x"), ("--model=x", "such as model:=x"), ("model", "name:=value")],
)
def test_word_of_another_form_is_refused_with_the_right_form(word: str, suggestion: str) -> None:
    with pytest.raises(BringupError, match=suggestion):
        split_arguments([word])


def dds(inherited: dict[str, str], folder: Path) -> dict[str, str]:
    """The variables of the environment that concern DDS."""
    added = bringup.environment(inherited, folder)
    return {name: value for name, value in added.items() if name.startswith("FAST")}


def test_processes_are_told_who_started_them(tmp_path: Path) -> None:
    assert bringup.environment({}, tmp_path)[bringup.LAUNCHER_VARIABLE] == str(os.getpid())


def test_dds_profile_is_set_where_the_user_has_none(tmp_path: Path) -> None:
    profile = str(bringup.config_folder() / "fastdds.xml")
    assert dds({}, tmp_path) == {"FASTDDS_DEFAULT_PROFILES_FILE": profile}
    assert dds({"ROS_DISTRO": "jazzy"}, tmp_path) == {"FASTRTPS_DEFAULT_PROFILES_FILE": profile}


@pytest.mark.parametrize(
    "variable",
    [
        "FASTDDS_DEFAULT_PROFILES_FILE",
        "FASTRTPS_DEFAULT_PROFILES_FILE",
        "FASTDDS_BUILTIN_TRANSPORTS",
    ],
)
def test_dds_settings_of_the_user_are_left_alone(variable: str, tmp_path: Path) -> None:
    assert dds({variable: "own"}, tmp_path) == {}


def test_dds_profile_in_the_working_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<profiles/>")
    assert dds({}, tmp_path) == {}


def test_configuration_is_found_in_a_share_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "share" / "uio2_ros" / "config"
    share.mkdir(parents=True)
    (share / "fastdds.xml").write_text("<profiles/>")
    module = tmp_path / "lib" / "python3" / "site-packages" / "uio2_ros" / "bringup.py"
    monkeypatch.setattr(bringup, "__file__", str(module))
    assert bringup.config_folder() == share


def test_missing_configuration_says_how_the_graph_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringup, "__file__", str(tmp_path / "bringup.py"))
    with pytest.raises(BringupError, match="colcon install"):
        bringup.config_folder()


def test_description_imports_neither_rclpy_nor_launch_nor_torch() -> None:
    check = (
        "import sys, uio2_ros.bringup\n"
        "print([name for name in ('rclpy', 'launch', 'torch', 'numpy') if name in sys.modules])"
    )
    words = [sys.executable, "-c", check]
    printed = subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert printed.stdout.strip() == "[]"


def test_the_simulator_takes_the_places_of_the_sources_and_is_moved_by_answers() -> None:
    graph = running(sim="true", sim_task="stack", sim_seed="7", namespace="robot")
    assert list(graph) == ["simulator", "agent", "bridge"]
    assert graph["simulator"].module == "uio2_ros.nodes.simulator.node"
    assert graph["simulator"].parameters == {"task": "stack", "seed": 7}
    assert graph["bridge"].parameters["follow"] is True
    assert graph["bridge"].parameters["hand_over.confirm"] is True
    assert graph["bridge"].parameters["dry_run"] is False


def test_outside_the_simulator_the_bridge_moves_nothing_unless_it_is_told_to() -> None:
    assert "dry_run" not in running(bridge="true")["bridge"].parameters
    assert settings_of(BridgeNodeSettings)["dry_run"].default is True
    assert running(bridge="true", dry_run="false")["bridge"].parameters["dry_run"] is False
    assert running(sim="true", dry_run="true")["bridge"].parameters["dry_run"] is True


def test_the_recorder_that_is_always_on_runs_where_it_is_asked_for() -> None:
    assert "recorder" not in running()
    recorder = running(ring="true")["recorder"]
    assert (recorder.executable, recorder.needed) == ("recorder_node", False)


def test_a_contract_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BringupError, match=r"contract:=missing\.yaml: cannot be read"):
        running(contract="missing.yaml")


def test_a_contract_names_the_topics_that_were_not_given(tmp_path: Path) -> None:
    file = tmp_path / "contract.yaml"
    topics = "{observation.images.front: /eye, action: /cmd_vel, audio: ear}"
    file.write_text(f"action_space: diff_drive\ntopics: {topics}\n")
    settings = Settings.parse({"contract": str(file), "audio_topic": "microphone"})
    assert (settings.image_topic, settings.audio_topic) == ("/eye", "microphone")
    file.write_text(f"topics: {topics}\n")
    with pytest.raises(BringupError, match="lacks the keys action_space"):
        Settings.parse({"contract": str(file)})


def test_in_the_simulator_too_the_bridge_can_be_left_out_or_told_not_to_follow() -> None:
    assert "bridge" not in running(sim="true", bridge="false")
    assert running(sim="true", follow="false")["bridge"].parameters["follow"] is False


def test_the_simulators_tasks_are_those_it_has() -> None:
    from uio2_ros.sim import SIM_TASKS

    assert tuple(SIM_TASKS) == bringup.SIM_TASKS


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"sim_seed": "-1"}, "expected a whole number from 0"),
        ({"sim_task": "fly"}, "expected one of: put"),
        ({"camera": "clip.mp4"}, "leave one out"),
    ],
)
def test_what_does_not_fit_the_simulator_is_refused(given: dict[str, str], problem: str) -> None:
    with pytest.raises(BringupError, match=problem):
        running(sim="true", **given)


def test_a_missing_mujoco_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bringup, "FIND_PACKAGE", "import sys; sys.exit(1)")
    with pytest.raises(BringupError, match=r"sim:=true needs MuJoCo: .* -m pip install mujoco"):
        running(sim="true")


def test_the_page_runs_where_it_is_asked_for_and_may_end_alone() -> None:
    assert "page" not in running()
    page = running(page="true", page_port="9000", image_topic="/front/image")["page"]
    assert (page.executable, page.module) == ("page_node", "uio2_ros.page.node")
    assert page.parameters == {"port": 9000}
    assert ("image", "/front/image") in page.remappings
    assert not page.needed


def test_a_missing_nicegui_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bringup, "FIND_PACKAGE", "import sys; sys.exit(1)")
    with pytest.raises(BringupError, match=r"page:=true needs NiceGUI: .* pip install"):
        running(page="true")
