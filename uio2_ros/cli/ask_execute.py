"""`./uio2 ask --execute`: has the bridge carry the answered plan out, and tells how far it is."""

from __future__ import annotations

import signal
import sys
import time

from uio2_ros.cli.outcome import Exit, ended, interrupted_by, warn
from uio2_ros.client import AgentAnswer, AgentClient, BridgeClient, Execution, ExecutionError

DISCOVERY_S = 5.0
LOOK_PERIOD_S = 0.1


def execute(
    agent: AgentClient, bridge_name: str, answer: AgentAnswer, *, after_step: bool = False
) -> int:
    """The exit code. Ctrl-C, SIGTERM and SIGHUP stop the robot, then raise KeyboardInterrupt."""
    if answer.plan is None:
        return ended("ask", "this answer has no plan to carry out; try --task plan", Exit.FAILED)
    bridge = BridgeClient(agent, bridge_name)
    if not bridge.wait_for_bridge(DISCOVERY_S):
        missing = f"there is no {bridge.action}; start it with ./uio2 up bridge:=true"
        return ended("ask", missing, Exit.NO_AGENT)
    try:
        with interrupted_by(signal.SIGTERM, signal.SIGHUP):
            execution = bridge.execute(answer.message.plan, after_step=after_step)
            _watch(execution)
        print(f"executed  {execution.result()} steps", file=sys.stderr)
    except ExecutionError as error:
        return ended("ask", error, Exit.FAILED)
    finally:
        if not bridge.close():
            warn(
                "ask",
                f"{bridge.action} has not said that the robot stands; look, and stop it by its own "
                "means if it moves",
            )
    return Exit.DONE


def _watch(execution: Execution) -> None:
    """Says each step that begins, until the plan ends."""
    told = -1
    while not execution.done():
        time.sleep(LOOK_PERIOD_S)
        feedback = execution.feedback
        if feedback is not None and feedback.step != told:
            told = feedback.step
            print(f"executing step {told + 1} of {feedback.steps}", file=sys.stderr)
