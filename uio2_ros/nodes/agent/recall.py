"""`~/recall` and `~/forget`: what the agent's world memory knows. The model is not asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from uio2_ros.messages.located import remembered_message
from uio2_ros.nodes.agent.surroundings import Surroundings
from uio2_ros.nodes.deferred import result_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.located import RememberedObject
from uio2_ros.srv import Recall

NOT_OPEN = (
    "the agent has no memory open: it is not configured, or without the parameter memory.file "
    "(./uio2 up memory:=<file>)"
)


class RecallServices:
    """Answers in every state of the node. Create it with the node, `close` it at the end.

    What waits for the memory's file does so on a thread of its own.
    """

    def __init__(self, node: Node, surroundings: Callable[[], Surroundings | None]) -> None:
        """`surroundings` are None before the agent is configured."""
        self._node = node
        self._surroundings = surroundings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recall")
        group = ReentrantCallbackGroup()
        node.create_service(Recall, "~/recall", self._on_recall, callback_group=group)
        node.create_service(Trigger, "~/forget", self._on_forget, callback_group=group)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _on_recall(
        self, request: Recall.Request, response: Recall.Response
    ) -> Recall.Response:
        try:
            found = await result_of(self._thread.submit(self._recall, request), self._node)
        except InstructionError as error:
            response.error_code, response.error_msg = int(error.code), error.message
            return response
        response.text = spoken(request.query, found)
        response.objects = [remembered_message(one) for one in found]
        if not request.pictures:
            for one in response.objects:
                one.picture.data, one.picture.format = b"", ""
        return response

    async def _on_forget(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        try:
            count = await result_of(self._thread.submit(lambda: self._open().forget()), self._node)
        except InstructionError as error:
            response.message = error.message
            return response
        response.success, response.message = True, f"{count} objects are forgotten"
        return response

    def _recall(self, request: Recall.Request) -> list[RememberedObject]:
        if request.max_age < 0:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST, f"max_age is {request.max_age:g} s; give 0 or more"
            )
        return self._open().recall(request.query, request.frame_id, request.max_age, request.most)

    def _open(self) -> Surroundings:
        surroundings = self._surroundings()
        if surroundings is None:
            raise InstructionError(ErrorCode.MODEL_NOT_READY, NOT_OPEN)
        return surroundings


def spoken(query: str, found: list[RememberedObject]) -> str:
    """The best match in a sentence."""
    if not found:
        return f"nothing like {query!r} is remembered" if query.strip() else "nothing is remembered"
    best = found[0]
    x, y, z = best.pose.position
    doubt = f", but not there the last {best.missed} times" if best.missed else ""
    others = f"; {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"{best.label}: {best.age_s:.1f} s ago at ({x:.3f}, {y:.3f}, {z:.3f}) m in "
        f"{best.frame_id}{doubt}{others}"
    )
