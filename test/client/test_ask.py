"""`./uio2 ask`: what it prints, what it saves, and its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import Robot
from nodes.scripted_model import ENDLESS
from patience import patient
from uio2_ros.action import Instruct
from uio2_ros.msg import InstructionResult

from uio2_ros.cli.ask import _parser, choose_task, main
from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Shown:
    returncode: int
    stdout: str
    stderr: str


Ask = Callable[..., Shown]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    """ask(word, ...): the command, in this process and the folder tmp_path."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Shown:
        try:
            code = main(words)
        except SystemExit as ending:
            code = int(ending.code or 0)
        return Shown(code, *capfd.readouterr())

    return run


def chosen(*words: str) -> tuple[str, str]:
    choice = choose_task(_parser().parse_args(words))
    return choice.task, choice.instruction


def test_a_sentence_finds_its_task() -> None:
    assert chosen("find the cup") == ("localize", "cup")
    assert chosen("find the cup", "--task", "refexp") == ("refexp", "find the cup")
    assert chosen("find the cup", "--task", "") == ("", "find the cup")


def test_a_task_that_takes_no_options_is_not_chosen_with_them() -> None:
    assert chosen("find the cup", "--option", "a") == ("", "find the cup")
    assert chosen("pick it up", "--region", "1,2,3,4") == ("", "pick it up")
    assert chosen("what is it?", "--option", "a", "--region", "1,2,3,4")[0] == "vqa"


def test_answer_is_shown_and_drawn(agent: AgentProcess, tmp_path: Path, ask: Ask) -> None:
    del agent
    shown = ask("find the cup")
    assert shown.returncode == 0, shown.stderr
    assert "localize: 'cup' (it asks where something is)" in shown.stdout
    assert "answer" in shown.stdout
    assert "first_token" in shown.stdout
    assert "SYNTHETIC WEIGHTS" in shown.stdout
    assert "uio2_answer.png" in shown.stdout
    drawing = cv2.imread(str(tmp_path / "uio2_answer.png"))
    assert drawing is not None
    assert drawing.shape[1] == 480


def test_json_and_the_drawing_elsewhere(agent: AgentProcess, tmp_path: Path, ask: Ask) -> None:
    del agent
    path = tmp_path / "drawing.png"
    words = ("put it away", "--task", "next_action", "--json", "--image", str(path))
    shown = ask(*words)
    assert shown.returncode == 0, shown.stderr
    answer = json.loads(shown.stdout)
    assert (answer["error_code"], answer["task"]) == (0, "next_action")
    assert (len(answer["plan"]), answer["plan_frame_id"]) == (1, "base_link")
    assert answer["synthetic_weights"] is True
    assert answer["timings"]["total"] > 0
    assert (answer["picture"], path.exists()) == (str(path), True)


def test_a_place_that_cannot_be_written_is_said(agent: AgentProcess, ask: Ask) -> None:
    del agent
    shown = ask("the cup", "--task", "refexp", "--image", "no/such/folder.png")
    assert shown.returncode == 0
    assert "no/such/folder.png cannot be written" in shown.stderr


def test_the_agents_error_is_printed(agent: AgentProcess, ask: Ask) -> None:
    del agent
    shown = ask("look", "--task", "nope")
    assert shown.returncode == 1
    assert "UNKNOWN_TASK 9102" in shown.stderr
    shown = ask("look", "--task", "nope", "--json")
    assert (shown.returncode, json.loads(shown.stdout)["error"]) == (1, "UNKNOWN_TASK")


def test_what_was_typed_in_another_encoding_is_said(agent: AgentProcess, ask: Ask) -> None:
    del agent
    shown = ask("caf\udce9", "--task", "refexp")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "is no Unicode text (surrogates not allowed)" in shown.stderr


def test_reader_that_leaves_early_gets_no_traceback(agent: AgentProcess, tmp_path: Path) -> None:
    del agent
    words = f"{sys.executable} -m uio2_ros.cli ask 'the cup' --task refexp"
    command = ["bash", "-c", f"({words}; echo code $? >&2) | true"]
    shown = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=patient(90), check=False
    )
    assert shown.stderr.endswith("code 141\n")
    assert "Traceback" not in shown.stderr


def test_interrupting_cancels_the_instruction(agent: AgentProcess, tmp_path: Path) -> None:
    del agent
    command = [sys.executable, "-m", "uio2_ros.cli", "ask", ENDLESS, "--task", ""]
    with Robot() as robot:
        robot.listen_until_heard(
            {"/agent/result": InstructionResult}, partial(robot.ask, task="no such task")
        )
        begun = threading.Event()
        robot.node.create_subscription(
            Instruct.Impl.FeedbackMessage,
            "/agent/instruct/_action/feedback",
            lambda _: begun.set(),
            10,
        )
        asking = subprocess.Popen(
            command,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # may be ignored here
        )
        assert begun.wait(patient(60))
        asking.send_signal(signal.SIGINT)
        _, said = asking.communicate(timeout=patient(20))
        # a slow machine may have had it wait for the agent first
        assert (asking.returncode, said.splitlines()[-1]) == (130, "uio2 ask: cancelled")
        robot.heard("/agent/result", lambda said: said.error_code == ErrorCode.CANCELED)


def test_wrong_arguments_are_explained_with_the_command_as_typed(ask: Ask) -> None:
    assert ask().stderr.startswith("usage: ./uio2 ask ")
    shown = ask("look", "--namespace", "le ft")
    assert (shown.returncode, "Traceback" in shown.stderr) == (2, False)
    assert "'/le ft/agent' cannot be the name" in shown.stderr


def test_picture_format_that_nobody_writes_is_said(agent: AgentProcess, ask: Ask) -> None:
    del agent
    shown = ask("the cup", "--task", "refexp", "--image", "drawing.txt")
    assert shown.returncode == 0
    assert "drawing.txt cannot be written (could not find a writer" in shown.stderr
    assert "give a .png or .jpg" in shown.stderr


def test_no_agent(ask: Ask) -> None:
    shown = ask("look", "--name", "nobody", "--wait", "1")
    assert shown.returncode == 2
    assert "no /nobody after 1 s" in shown.stderr
    assert "./uio2 up" in shown.stderr


def test_a_region_that_is_none(ask: Ask) -> None:
    shown = ask("look", "--region", "1,2,3")
    assert shown.returncode == 2
    assert "'1,2,3' is not x1,y1,x2,y2" in shown.stderr
