"""Looks, picks, places and checks: `python -m uio2_ros.trees.pick_and_place "put the ..."`.

The same tree as `behavior_trees/pick_and_place.xml`, which BehaviorTree.CPP runs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.composites import Sequence as InOrder
from py_trees.decorators import Retry, Timeout
from py_trees.display import unicode_tree

from uio2_ros.processes.supervision import stop_on_signals
from uio2_ros.trees.check_answer import CheckAnswer
from uio2_ros.trees.execute_plan import ExecutePlan
from uio2_ros.trees.instruct import Instruct
from uio2_ros.trees.robot import Robot
from uio2_ros.trees.wait_for_picture import WaitForPicture

TICK_PERIOD_S = 0.05
MARGIN_S = 2.0
"""How much longer a Timeout is than that of the goal inside, so that the server can say why."""
YES, NO = "yes", "no"
EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Patience:
    """Seconds that each part may take, and how often the whole is tried."""

    look_s: float = 10.0
    think_s: float = 30.0
    act_s: float = 120.0
    attempts: int = 3


def pick_and_place(
    robot: Robot,
    instruction: str,
    check: str,
    *,
    patience: Patience | None = None,
    action_space: str = "",
    wanted: str = YES,
) -> Behaviour:
    """The tree. `check` is a question of which `wanted` ("yes" or "no") means success."""
    limits = patience or Patience()
    attempt = InOrder(
        "attempt",
        memory=True,
        children=[
            _look("look", robot, limits),
            Timeout(
                "plan in time",
                Instruct(
                    "plan",
                    robot,
                    instruction,
                    task="plan",
                    action_space=action_space,
                    answer_key="plan",
                    timeout_s=limits.think_s,
                ),
                limits.think_s + MARGIN_S,
            ),
            Timeout(
                "act in time",
                ExecutePlan("pick and place", robot, answer_key="plan", timeout_s=limits.act_s),
                limits.act_s + MARGIN_S,
            ),
            _look("look again", robot, limits),
            Timeout(
                "answer in time",
                Instruct(
                    "ask",
                    robot,
                    check,
                    task="vqa",
                    options=(YES, NO),
                    answer_key="check",
                    timeout_s=limits.think_s,
                ),
                limits.think_s + MARGIN_S,
            ),
            CheckAnswer("is it done?", lambda answer: answer.text == wanted, answer_key="check"),
        ],
    )
    return Retry("attempts", attempt, limits.attempts)


def run(root: Behaviour, should_stop: Callable[[], bool], on_change: Callable[[], None]) -> Status:
    """Ticks until the tree has an outcome, or until `should_stop`, which cancels (INVALID).

    `on_change` is called when the status of any behaviour has changed.
    """
    shown: list[Status] = []
    while True:
        root.tick_once()
        now = [behaviour.status for behaviour in root.iterate()]
        if now != shown:
            shown = now
            on_change()
        if root.status is not Status.RUNNING:
            return root.status
        if should_stop():
            root.stop(Status.INVALID)
            return Status.INVALID
        time.sleep(TICK_PERIOD_S)


def main(argv: Sequence[str]) -> int:
    """0: done and checked; 1: not; 130: interrupted, and the robot is told to stop."""
    arguments = _parser().parse_args(argv)
    over = stop_on_signals()
    with Robot(
        namespace=arguments.namespace,
        agent=arguments.agent,
        bridge=arguments.bridge,
        use_sim_time=arguments.sim_time,
    ) as robot:
        root = pick_and_place(
            robot,
            arguments.instruction,
            arguments.check or f"Is this done: {arguments.instruction}?",
            patience=Patience(attempts=arguments.attempts),
            action_space=arguments.action_space,
        )
        status = run(root, over.is_set, lambda: _show(root))
    if status is Status.INVALID:
        print("interrupted: the robot was told to stop", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_DONE if status is Status.SUCCESS else EXIT_FAILED


def _show(root: Behaviour) -> None:
    print(unicode_tree(root, show_status=True), flush=True)


def _look(name: str, robot: Robot, patience: Patience) -> Behaviour:
    return Timeout(f"{name} in time", WaitForPicture(name, robot), patience.look_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uio2_ros.trees.pick_and_place", description="Look, pick, place and check."
    )
    parser.add_argument("instruction", help='such as "put the spoon into the cup"')
    parser.add_argument("--check", default="", help="yes-or-no question about the outcome")
    parser.add_argument("--attempts", type=int, default=Patience.attempts)
    parser.add_argument("--action-space", default="", help="of the plan; default: the task's")
    parser.add_argument("--namespace", default="", help="of the agent and the bridge")
    parser.add_argument("--sim-time", action="store_true", help="pictures are stamped by /clock")
    parser.add_argument("--agent", default="agent", help="its node's name")
    parser.add_argument("--bridge", default="bridge", help="its node's name")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
