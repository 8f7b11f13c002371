"""A model for several robots, over WebSockets. asyncio; no torch, no ROS."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from uio2_ros.remote.access import ServerAccess
from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.metrics import PlainReply, ServerMetrics
from uio2_ros.remote.protocol import EXTENSION, VERSION
from uio2_ros.remote.session import TOO_MUCH, ClientSession, Connection
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces
from uio2_ros.serving.answerer import Answerer
from uio2_ros.tasks.registry import TASKS

HEALTH, METRICS = "/healthz", "/metrics"
OPEN_S = 5.0
"""Time for a client to say what it wants when it has connected."""
CLOSE_S = 1.0
"""Time for a client to agree that its connection ends."""
PING_S, SILENCE_S = 5.0, 20.0
"""How often a client is asked whether it is there, and how long its answer may take."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PolicyTask:
    """What openpi clients are answered: a task with a plan, in an action space ("": its own).

    ValueError for a task that gives no plan, or a space that is not known.
    """

    task: str = "act"
    action_space: str = ""
    spaces: dict[str, ActionSpace] = field(default_factory=lambda: dict(load_action_spaces()))

    def __post_init__(self) -> None:
        acting = [name for name, task in TASKS.items() if "plan" in task.outputs]
        if self.task not in acting:
            raise ValueError(f"task {self.task!r} gives no actions; give {', '.join(acting)}")
        if self.action_space and self.action_space not in self.spaces:
            known = ", ".join(self.spaces)
            raise ValueError(f"action space {self.action_space!r} is unknown; give {known}")

    def metadata(self) -> dict[str, Any]:
        """What clients are told of the actions."""
        name = self.action_space or TASKS[self.task].default_action_space
        space = self.spaces.get(name)
        told: dict[str, Any] = {"task": self.task, "action_space": name}
        if space is not None:
            told |= {
                "dimensions": list(space.dimension_names),
                "rate_hz": space.rate_hz,
                "frame_id": space.frame_id,
            }
        return told


class ModelServer:
    """Connections to an answerer, each with a `ClientSession`. On one event loop."""

    def __init__(
        self,
        answerer: Answerer,
        access: ServerAccess,
        limits: ServerLimits | None = None,
        policy: PolicyTask | None = None,
    ) -> None:
        self.answerer, self.limits = answerer, limits or ServerLimits()
        self.policy = policy or PolicyTask()
        self.metrics = ServerMetrics()
        self._access = access
        self._sessions: dict[ClientSession, str] = {}  # with the address it comes from

    def metadata(self) -> dict[str, Any]:
        """What a client hears first."""
        model = self.answerer.status().model
        return {
            EXTENSION: {"version": VERSION},
            "model": model.name,
            "synthetic_weights": model.synthetic_weights,
            **self.policy.metadata(),
        }

    def tell_model(self) -> None:
        """Tells all clients how the model is; on the loop."""
        for session in tuple(self._sessions):
            session.tell_model()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serves meanwhile; the port. OSError if the address cannot be had."""
        address = self._access.address
        async with serve(
            self.attend,
            address.host or None,
            address.port,
            ssl=self._access.tls,
            process_request=self._judge,
            compression=None,  # pictures are compressed already
            max_size=self.limits.message_bytes,
            max_queue=2,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=SILENCE_S,
        ) as server:
            yield _port(server)

    async def attend(self, connection: Connection) -> None:
        """Serves a client until its connection ends."""
        remote = connection.remote_address
        address = str(remote[0]) if isinstance(remote, tuple) else ""
        full = len(self._sessions) >= self.limits.connections
        if full or list(self._sessions.values()).count(address) >= self.limits.connections_each:
            await connection.close(TOO_MUCH, "too many clients are connected")
            return
        session = ClientSession(connection, self)
        self._sessions[session] = address
        self.metrics.connected(len(self._sessions))
        try:
            await session.run()
        except Exception:  # a fault of ours with one client is none of the others'
            logger.exception("a connection failed")
            raise
        finally:
            del self._sessions[session]
            self.metrics.connected(len(self._sessions))

    def judge(self, path: str, authorization: str) -> PlainReply | None:
        """What is answered to a request that does not become a conversation: to who has no token,
        and at the paths that are no WebSocket. `authorization`: the header of this name."""
        if path == HEALTH:
            return PlainReply(HTTPStatus.OK, "OK\n")
        if not self._access.admits(authorization):
            return PlainReply(HTTPStatus.UNAUTHORIZED, "a token is needed\n")
        if path == METRICS:
            return self.metrics.page(self.answerer.status())
        return None

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        page = self.judge(request.path, ", ".join(request.headers.get_all("Authorization")))
        if page is None:
            return None
        response = connection.respond(page.status, page.text)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = page.content_type
        return response


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
