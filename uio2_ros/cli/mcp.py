"""`./uio2 mcp`: the robot for an assistant that starts it: MCP over standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from uio2_ros.cli.command_node import SPIN_S, command_node
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.client.agent_client import DISCOVERY_S
from uio2_ros.client.spinner import spin
from uio2_ros.client.tolerant_executor import TolerantExecutor
from uio2_ros.page.robot import FOLLOW_PERIOD_S, RobotLink
from uio2_ros.page.settings import PageSettings

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server


def main(argv: Sequence[str]) -> int:
    """0: the assistant has ended it; 1: MCP's library is missing."""
    arguments = _parser().parse_args(argv)
    try:
        from uio2_ros.page import mcp_tools
    except ModuleNotFoundError as missing:
        return ended("mcp", f"{missing}; pip install 'uio2_ros[page]'", Exit.FAILED)
    with command_node("mcp", arguments.namespace) as node:
        robot = RobotLink(node, PageSettings(compressed=arguments.compressed))
        node.create_timer(FOLLOW_PERIOD_S, robot.follow)
        over = threading.Event()
        spinning = threading.Thread(target=_spin, args=(node, over), daemon=True)
        spinning.start()
        try:
            _discover(robot, arguments.wait)
            asyncio.run(_serve(mcp_tools.server(robot)))
        finally:
            over.set()
            spinning.join()
            robot.close()
    return Exit.DONE


def _discover(robot: RobotLink, wait_s: float) -> None:
    """A robot that runs is found before the first question; else that hears there is none."""
    end_s = time.monotonic() + wait_s
    robot.agent.wait_for_agent(wait_s)
    robot.bridge.wait_for_bridge(max(0.0, end_s - time.monotonic()))


async def _serve(server: Server[Any]) -> None:
    """Until the assistant closes what it writes to."""
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _spin(node: Node, over: threading.Event) -> None:
    executor = TolerantExecutor(context=node.context)
    executor.add_node(node)
    spin(executor, node, over.is_set, SPIN_S)
    executor.shutdown(timeout_sec=0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 mcp",
        description="Offer a running robot to the assistant that starts this, over its standard "
        "input and output (Model Context Protocol). The page offers the same over HTTP.",
    )
    parser.add_argument("--namespace", default="", help="of the robot")
    parser.add_argument(
        "--wait",
        type=float,
        default=DISCOVERY_S,
        metavar="S",
        help="longest to look for the robot before the assistant is answered",
    )
    parser.add_argument("--compressed", action="store_true", help="pictures come as JPEG")
    return parser
