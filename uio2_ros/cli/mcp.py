"""`./uio2 mcp`: the robot for an assistant that starts it: MCP over standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from uio2_ros.client.agent_client import DISCOVERY_S
from uio2_ros.client.spinner import spin
from uio2_ros.client.tolerant_executor import TolerantExecutor
from uio2_ros.page.robot import FOLLOW_PERIOD_S, RobotLink
from uio2_ros.page.settings import PageSettings

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

SPIN_S = 0.1
EXIT_ENDED, EXIT_FAILED = 0, 1


def main(argv: Sequence[str]) -> int:
    """0: the assistant has ended it; 1: MCP's library is missing."""
    arguments = _parser().parse_args(argv)
    try:
        from uio2_ros.page import mcp_tools
    except ModuleNotFoundError as missing:
        print(f"uio2 mcp: {missing}; pip install 'uio2_ros[page]'", file=sys.stderr)
        return EXIT_FAILED
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("mcp", namespace=arguments.namespace, start_parameter_services=False)
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
        node.destroy_node()
        rclpy.try_shutdown()
    return EXIT_ENDED


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
    executor = TolerantExecutor()
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
