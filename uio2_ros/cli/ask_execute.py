"""`./uio2 ask --execute`: has the bridge carry the answered plan out, and tells how far it is."""

from __future__ import annotations

import sys
import time

from uio2_ros.client import AgentAnswer, AgentClient, BridgeClient, Execution, ExecutionError

EXIT_ANSWERED, EXIT_FAILED, EXIT_NO_AGENT = 0, 1, 2
DISCOVERY_S = 5.0
LOOK_PERIOD_S = 0.1


def execute(agent: AgentClient, bridge_name: str, answer: AgentAnswer) -> int:
    """The exit code. KeyboardInterrupt stops the robot before it is raised on."""
    if answer.plan is None:
        print("uio2 ask: this answer has no plan to carry out; try --task plan", file=sys.stderr)
        return EXIT_FAILED
    bridge = BridgeClient(agent, bridge_name)
    if not bridge.wait_for_bridge(DISCOVERY_S):
        print(
            f"uio2 ask: there is no {bridge.action}; start it with ./uio2 up bridge:=true",
            file=sys.stderr,
        )
        return EXIT_NO_AGENT
    execution = bridge.execute(answer.message.plan)
    try:
        _watch(execution)
        print(f"executed  {execution.result()} steps", file=sys.stderr)
    except ExecutionError as error:
        print(f"uio2 ask: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        bridge.close()
    return EXIT_ANSWERED


def _watch(execution: Execution) -> None:
    """Says each step that begins, until the plan ends."""
    told = -1
    while not execution.done():
        time.sleep(LOOK_PERIOD_S)
        feedback = execution.feedback
        if feedback is not None and feedback.step != told:
            told = feedback.step
            print(f"executing step {told + 1} of {feedback.steps}", file=sys.stderr)
