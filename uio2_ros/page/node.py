"""page_node: the robot in a browser and for other programs; see docs/page.md.

One thread spins the node, the server has one of its own, and answers arrive on that of the client.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from typing import Any

from rclpy.logging import get_logger
from rclpy.node import Node

from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.running import run_node
from uio2_ros.page.access import PageAccess, access_of, listening_socket
from uio2_ros.page.robot import FOLLOW_PERIOD_S, RobotLink
from uio2_ros.page.settings import PageSettings
from uio2_ros.settings import Effect

MOST_CONNECTIONS = 256
"""At once; a browser has some ten. Who comes beyond them hears 503."""
ENDING_S = 2
"""How long open connections are waited for when the server ends."""


class ServerEndedError(RuntimeError):
    """The server ended, and nobody told it to; its log says why."""


class PageNode(Node):  # type: ignore[misc]
    """A node whose robot is looked at, and the server in which it is."""

    def __init__(self) -> None:
        """AccessError where the page cannot be served; ValueError for impossible parameters."""
        super().__init__("page")
        declare_parameters(self, PageSettings, Effect.RESTART)
        settings = read_parameters(self, PageSettings)
        access = access_of(settings)
        listening = listening_socket(settings.host, settings.port)
        self._robot = RobotLink(self, settings)
        self._server = _server(self._robot, settings, access)
        self._serving = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._is_ending = False
        self._address = address(settings.host, listening)

    def start(self) -> None:
        """Serves."""
        self._serving.start()
        self.get_logger().info(f"the page: {self._address}")
        self.create_timer(FOLLOW_PERIOD_S, self._robot.follow)

    @property
    def failure(self) -> ServerEndedError | None:
        """Of the server."""
        ended = not self._serving.is_alive() and not self._is_ending
        return ServerEndedError("the server of the page ended") if ended else None

    def end(self) -> None:
        """Waits for open connections, not for ever."""
        self._is_ending = self._serving.is_alive()
        self._server.should_exit = True
        self._serving.join(ENDING_S)
        self._robot.close()


def main(args: list[str] | None = None) -> int:
    """Entry point of page_node: serves until SIGINT or SIGTERM and returns 0; 1 if it cannot."""
    try:
        return run_node(
            PageNode,
            lambda node, _: node.end(),
            args,
            name="page",
            start=PageNode.start,
            failure=lambda node: node.failure,
        )
    except ServerEndedError as error:
        get_logger("page").fatal(str(error))
        return 1


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
