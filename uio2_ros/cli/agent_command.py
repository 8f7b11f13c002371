"""What the commands share that ask a running agent: options, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.client import AgentClient, AgentUnavailableError
from uio2_ros.robot.errors import InstructionError

WAIT_S = 20.0
QUIET_WAIT_S = 3.0


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Those that say which agent is asked."""
    parser.add_argument("--namespace", default="", help="of the agent")
    parser.add_argument("--name", default="agent", help="of the agent's node")
    parser.add_argument("--wait", type=float, default=WAIT_S, help="seconds to wait for the agent")


@contextmanager
def awaited_agent(arguments: argparse.Namespace) -> Iterator[AgentClient]:
    """A client of the agent that the options name, which is waited for; AgentUnavailableError."""
    with AgentClient(name=arguments.name, namespace=arguments.namespace) as agent:
        _await(agent, arguments.wait)
        yield agent


def _await(agent: AgentClient, wait_s: float) -> None:
    if agent.wait_for_agent(min(QUIET_WAIT_S, wait_s)):
        return
    print(f"waiting for {agent.agent}; start it with ./uio2 up", file=sys.stderr)
    if not agent.wait_for_agent(max(0.0, wait_s - QUIET_WAIT_S)):
        raise AgentUnavailableError(
            f"no {agent.agent} after {wait_s:g} s. Start it with ./uio2 up in another terminal; if "
            "it runs, compare ROS_DOMAIN_ID and --namespace"
        )


def run_command(
    name: str,
    command: Callable[[], int],
    *failures: type[Exception],
    without_agent: Exit = Exit.NO_AGENT,
) -> int:
    """The exit code of a command; why it has no result is told in a line.

    That is an error of the agent, one of `failures`, or an interruption, whose message is told. A
    reader that leaves early, as in `./uio2 ask ... | head -1`, is told nothing.
    """
    try:
        code = command()
        sys.stdout.flush()
    except AgentUnavailableError as error:
        return ended(name, error, without_agent)
    except InstructionError as error:
        return ended(name, error, Exit.FAILED)
    except failures as error:
        return ended(name, error, Exit.FAILED)
    except KeyboardInterrupt as interruption:
        return ended(name, str(interruption) or "cancelled", Exit.INTERRUPTED)
    except BrokenPipeError:
        # what is left in the buffer would be written, and fail again, when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.READER_GONE
    return code
