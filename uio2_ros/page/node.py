"""page_node: the robot in a browser and for other programs; see docs/page.md.

One thread spins the node, the server has one of its own, and answers arrive on that of the client.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.page.access import PageAccess, access_of, listening_socket
from uio2_ros.page.robot import FOLLOW_PERIOD_S, RobotLink
from uio2_ros.page.settings import PageSettings
from uio2_ros.processes.access import AccessError
from uio2_ros.processes.parent_watch import exit_when_parent_dies
from uio2_ros.processes.stop_signals import stop_signals
from uio2_ros.settings import Effect

STOP_CHECK_PERIOD_S = 0.1
MOST_CONNECTIONS = 256
"""At once; a browser has some ten. Who comes beyond them hears 503."""
ENDING_S = 2
"""How long open connections are waited for when the server ends."""


def main(args: list[str] | None = None) -> int:
    """Entry point of page_node: serves until SIGINT or SIGTERM and returns 0; 1 if it cannot."""
    exit_when_parent_dies()
    asked_to_stop = stop_signals()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node("page")
        declare_parameters(node, PageSettings, Effect.RESTART)
        settings = read_parameters(node, PageSettings)
        access = access_of(settings)
        listening = listening_socket(settings.host, settings.port)
        _run(node, settings, access, listening, asked_to_stop)
    except (AccessError, ParameterException, ValueError) as error:
        get_logger("page").fatal(f"no page: {error}")
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


def _run(
    node: Node,
    settings: PageSettings,
    access: PageAccess,
    listening: socket.socket,
    asked_to_stop: threading.Event,
) -> None:
    robot = RobotLink(node, settings)
    server = _server(robot, settings, access)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    serving.start()
    node.get_logger().info(f"the page: {address(settings.host, listening)}")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.create_timer(FOLLOW_PERIOD_S, robot.follow)
    try:
        while not asked_to_stop.is_set() and serving.is_alive():
            executor.spin_once(timeout_sec=STOP_CHECK_PERIOD_S)
    finally:
        server.should_exit = True
        serving.join(ENDING_S)
        robot.close()
        executor.shutdown(timeout_sec=0)
        node.destroy_node()


def address(host: str, listening: socket.socket) -> str:
    """What to type in a browser on this machine."""
    port = listening.getsockname()[1]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _server(robot: RobotLink, settings: PageSettings, access: PageAccess) -> Any:
    import uvicorn

    from uio2_ros.page.app import make_app

    logging.getLogger("nicegui").setLevel(logging.ERROR)
    app = make_app(robot, access, settings.most_body_bytes)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=MOST_CONNECTIONS,
        lifespan="on",
    )
    return uvicorn.Server(config)


if __name__ == "__main__":
    sys.exit(main())
