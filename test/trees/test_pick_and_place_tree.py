"""The py_trees tree over real DDS: an instruction in, a plan for the controllers out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from nodes.robot import wait_until
from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.display import unicode_tree

from uio2_ros.trees import CheckAnswer, ExecutePlan, Instruct, Robot, WaitForPicture
from uio2_ros.trees.pick_and_place import NO, YES, Patience, pick_and_place, run

pytestmark = pytest.mark.ros
BRIDGE_NAME = "stand_in"

INSTRUCTION, CHECK = "put the spoon into the cup", "is the spoon in the cup?"
PATIENT = Patience(look_s=20, think_s=30, act_s=30, attempts=2)


def tick_until(
    root: Behaviour, is_over: Callable[[], bool], what: str, timeout_s: float = 30.0
) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_over():
        assert time.monotonic() < end_s, f"{what}:\n{unicode_tree(root, show_status=True)}"
        root.tick_once()
        time.sleep(0.02)


def finish(root: Behaviour) -> Status:
    root.tick_once()
    tick_until(root, lambda: root.status in (Status.SUCCESS, Status.FAILURE), "no outcome")
    return root.status


def opinion(robot: Robot) -> str:
    """What the model, whose weights mean nothing, says to the check: always the same."""
    finish(WaitForPicture("look", robot))
    return robot.agent.vqa(CHECK, (YES, NO))


def test_looks_plans_acts_and_checks(robot: Robot, bridge: Any) -> None:
    wanted = opinion(robot)
    root = pick_and_place(robot, INSTRUCTION, CHECK, patience=PATIENT, wanted=wanted)
    shown: list[str] = []
    status = run(root, lambda: False, lambda: shown.append(unicode_tree(root, show_status=True)))
    assert status is Status.SUCCESS, shown[-1]
    (plan,) = bridge.plans
    assert plan.instruction == INSTRUCTION
    assert plan.header.frame_id == "base_link"
    assert len(plan.steps) >= 1
    assert bridge.outcomes == ["done"]


def test_a_check_that_fails_is_another_attempt_with_a_new_plan(robot: Robot, bridge: Any) -> None:
    unwanted = {YES: NO, NO: YES}[opinion(robot)]
    root = pick_and_place(robot, INSTRUCTION, CHECK, patience=PATIENT, wanted=unwanted)
    assert run(root, lambda: False, lambda: None) is Status.FAILURE
    first, second = bridge.plans
    stamps = [(plan.header.stamp.sec, plan.header.stamp.nanosec) for plan in (first, second)]
    assert stamps[0] < stamps[1]  # of the picture that the plan is about


def test_interrupted_while_the_robot_moves_it_stops(robot: Robot, bridge: Any) -> None:
    bridge.behaviour = "endless"
    root = pick_and_place(robot, INSTRUCTION, CHECK, patience=PATIENT)
    tick_until(root, lambda: bool(bridge.plans), "no plan arrived")
    root.stop(Status.INVALID)
    wait_until(lambda: bridge.outcomes == ["stopped"], "the bridge to stop", 5)


def test_time_that_is_over_stops_the_robot(robot: Robot, bridge: Any) -> None:
    bridge.behaviour = "endless"
    hasty = Patience(look_s=20, think_s=30, act_s=0.3, attempts=1)
    root = pick_and_place(robot, INSTRUCTION, CHECK, patience=hasty)
    assert run(root, lambda: False, lambda: None) is Status.FAILURE
    wait_until(lambda: bridge.outcomes == ["stopped"], "the bridge to stop", 5)


def test_interrupted_while_the_model_thinks_the_instruction_is_cancelled(robot: Robot) -> None:
    behaviour = Instruct("ask", robot, "cup", task="localize")
    finish(WaitForPicture("look", robot))
    behaviour.tick_once()
    behaviour.tick_once()
    goal: Any = behaviour._goal
    behaviour.stop(Status.INVALID)
    assert "CANCELED" in str(goal.exception(10))


def test_what_the_bridge_says_is_the_feedback(robot: Robot, bridge: Any) -> None:
    bridge.behaviour = "fail"
    finish(WaitForPicture("look", robot))
    plan = Instruct("plan", robot, INSTRUCTION, task="plan", answer_key="p", server_wait_s=20)
    assert finish(plan) is Status.SUCCESS
    act = ExecutePlan("act", robot, answer_key="p", server_wait_s=20)
    assert finish(act) is Status.FAILURE
    assert act.feedback_message == "the gripper is stuck [9213]"
    bridge.behaviour = "succeed"
    assert finish(act) is Status.SUCCESS
    assert act.feedback_message.endswith("steps done")


def test_a_server_that_is_not_there_fails_in_time_and_by_name(robot: Robot) -> None:
    finish(WaitForPicture("look", robot))
    plan = Instruct("plan", robot, INSTRUCTION, task="plan", answer_key="q", server_wait_s=20)
    assert finish(plan) is Status.SUCCESS
    with Robot(bridge="nobody") as other:
        act = ExecutePlan("act", other, answer_key="q", server_wait_s=0.2)
        assert finish(act) is Status.FAILURE
    assert act.feedback_message == "there is no /nobody/execute; is it running?"


def test_nothing_to_act_on_or_to_check_is_a_failure(robot: Robot) -> None:
    act = ExecutePlan("act", robot, answer_key="never written")
    act.tick_once()
    assert (act.status, "has no plan" in act.feedback_message) == (Status.FAILURE, True)
    check = CheckAnswer("check", lambda _: True, answer_key="never written")
    check.tick_once()
    assert (check.status, "nobody has written" in check.feedback_message) == (Status.FAILURE, True)


def test_the_agents_error_is_the_feedback(robot: Robot) -> None:
    behaviour = Instruct("ask", robot, "hello", task="nope")
    assert finish(behaviour) is Status.FAILURE
    assert "no task is called 'nope'" in behaviour.feedback_message


def test_as_a_program_interrupted(robot: Robot, bridge: Any) -> None:
    del robot
    bridge.behaviour = "endless"
    command = [sys.executable, "-m", "uio2_ros.trees.pick_and_place", INSTRUCTION]
    command += ["--bridge", BRIDGE_NAME]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    wait_until(lambda: bool(bridge.plans), "a plan", 40)
    program.send_signal(signal.SIGINT)
    shown, _ = program.communicate(timeout=20)
    assert program.returncode == 130
    assert "pick and place" in shown
    wait_until(lambda: bridge.outcomes == ["stopped"], "the bridge to stop", 5)
