"""Instruction in, controller goal out: a tree, the agent, the bridge and stand-ins behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender
from nodes.robot import Robot as Listener
from nodes.robot import wait_until
from py_trees.common import Status
from py_trees.composites import Sequence
from std_msgs.msg import String

from uio2_ros.trees import ExecutePlan, Instruct, Robot, WaitForPicture
from uio2_ros.trees.pick_and_place import Patience, pick_and_place, run

pytestmark = pytest.mark.ros

CONTROLLERS = (str(Path(__file__).parents[1] / "nodes" / "bridge" / "stand_in_controllers.py"),)
BRIDGE_NAME = "bridge"
BRIDGE = ("-m", "uio2_ros.nodes.bridge.node")
ANYWHERE = {
    "dry_run": False,
    "joint_state_timeout": 60.0,  # on a busy machine, too
    **{f"gate__{name}": 0.0 for name in ("speed__joint", "acceleration__joint", "start__joint")},
}
"""The untrained model answers with positions all over the arm's range."""
PATIENCE = Patience(look_s=20, think_s=30, act_s=30, attempts=1)


@pytest.fixture(scope="module")
def controllers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """A bridge that obeys goals only, and the stand-ins, whose goals never end by themselves."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("controllers")
        stand_ins = AgentProcess(folder, CONTROLLERS, seconds=60.0)
        stack.enter_context(stand_ins)
        parameters = {"arm": "follow_joint_trajectory", "follow": False, "max_age": 30.0}
        parameters |= ANYWHERE
        folder = tmp_path_factory.mktemp("bridge")
        hand_over = {"hand_over__step_seconds": 1.0}
        stack.enter_context(AgentProcess(folder, BRIDGE, **parameters, **hand_over))
        stand_ins.wait_until_logged("ready")
        with Sender() as sender:
            wait_until(lambda: sender.report()["joints known"] == "7", "the joint states")
        yield stand_ins


@pytest.fixture
def acting(robot: Robot) -> Sequence:
    """Looks, asks for joint positions and has them carried out."""
    ask = Instruct(
        "ask", robot, "wave", task="act", action_space="arm7", answer_key="wave", timeout_s=30
    )
    act = ExecutePlan("act", robot, answer_key="wave", server_wait_s=20)
    return Sequence("wave", memory=True, children=[WaitForPicture("look", robot), ask, act])


def tick_until(tree: Sequence, is_over: Callable[[], bool], timeout_s: float = 40.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_over():
        assert time.monotonic() < end_s, [
            (each.name, each.feedback_message) for each in tree.iterate()
        ]
        tree.tick_once()
        assert tree.status is Status.RUNNING, [each.feedback_message for each in tree.iterate()]
        time.sleep(0.05)


def test_instruction_in_and_controller_goal_out_and_cancelled_it_stops(
    controllers: AgentProcess, acting: Sequence
) -> None:
    tick_until(acting, lambda: "follow: goal of" in controllers.log.read_text())
    acting.stop(Status.INVALID)
    controllers.wait_until_logged("follow: canceled")


def test_pick_and_place_by_poses_and_interrupted_the_arm_is_told_to_stop(
    controllers: AgentProcess, robot: Robot
) -> None:
    del controllers
    wait_until(robot.has_bridge, "the bridge")
    root = pick_and_place(robot, "put the spoon into the cup", "done?", patience=PATIENCE)
    statuses: list[Status] = []
    with Listener() as listener:
        listener.listen("/trajectory_execution_event", String)
        act = next(each for each in root.iterate() if isinstance(each, ExecutePlan))
        deadline_s = time.monotonic() + 40

        def is_moving() -> bool:
            assert time.monotonic() < deadline_s
            return act.status is Status.RUNNING and act.feedback_message.startswith("step 1")

        statuses.append(run(root, is_moving, lambda: None))
        assert statuses == [Status.INVALID], [item.feedback_message for item in root.iterate()]
        assert listener.heard("/trajectory_execution_event").data == "stop"
