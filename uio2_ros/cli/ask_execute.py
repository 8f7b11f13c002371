"""`./uio2 ask --execute`: has the bridge carry the answered plan out, and tells how far it is."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from uio2_ros.cli.agent_command import Exit
from uio2_ros.client import AgentAnswer, AgentClient, BridgeClient, Execution, ExecutionError

DISCOVERY_S = 5.0
LOOK_PERIOD_S = 0.1


def execute(
    agent: AgentClient, bridge_name: str, answer: AgentAnswer, *, after_step: bool = False
) -> int:
    """The exit code. Ctrl-C, SIGTERM and SIGHUP stop the robot, then raise KeyboardInterrupt."""
    if answer.plan is None:
        print("uio2 ask: this answer has no plan to carry out; try --task plan", file=sys.stderr)
        return Exit.FAILED
    bridge = BridgeClient(agent, bridge_name)
    if not bridge.wait_for_bridge(DISCOVERY_S):
        print(
            f"uio2 ask: there is no {bridge.action}; start it with ./uio2 up bridge:=true",
            file=sys.stderr,
        )
        return Exit.NO_AGENT
    try:
        with _signals_interrupt():
            execution = bridge.execute(answer.message.plan, after_step=after_step)
            _watch(execution)
        print(f"executed  {execution.result()} steps", file=sys.stderr)
    except ExecutionError as error:
        print(f"uio2 ask: {error}", file=sys.stderr)
        return Exit.FAILED
    finally:
        if not bridge.close():
            print(
                f"uio2 ask: {bridge.action} has not said that the robot stands; look, and stop it "
                "by its own means if it moves",
                file=sys.stderr,
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


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP interrupt as Ctrl-C does; one that is ignored, as by nohup, does not."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
