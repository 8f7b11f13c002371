"""A call of a service that ends in any case: with its response, or as late. No message types."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from uio2_ros.client.failures import AgentTimeoutError, AgentUnavailableError

LONGEST_CALL_S = 5.0
"""A call that was not answered by then never will be: its server may have died meanwhile."""


def call_service(
    node: Any, kind: Any, name: str, request: Any, *, discovery_s: float, longest_s: float
) -> Any:
    """The response of a service, waited for on another thread than the one that spins the node.

    AgentUnavailableError if it is not found in time, AgentTimeoutError if it does not answer.
    """
    client = node.create_client(kind, name)
    try:
        if not client.wait_for_service(discovery_s):
            raise AgentUnavailableError(f"there is no service {client.service_name}")
        late = AgentTimeoutError(f"{client.service_name} is silent for {longest_s:g} s")
        return ask_service(client, request, late, longest_s).result()
    finally:
        node.destroy_client(client)


def ask_service(
    client: Any, request: Any, late: Exception, longest_s: float = LONGEST_CALL_S
) -> Future[Any]:
    """The response of a service that is ready; the future raises `late` if there is none in time.

    Callbacks run on the thread that brings the response, or on one of their own.
    """
    response: Future[Any] = Future()
    call = client.call_async(request)

    def give_up() -> None:
        client.remove_pending_request(call)
        _settle(response.set_exception, late)

    timer = threading.Timer(longest_s, give_up)
    timer.daemon = True
    timer.start()

    def on_response(done: Any) -> None:
        timer.cancel()
        if (error := done.exception()) is not None:
            _settle(response.set_exception, error)
        else:
            _settle(response.set_result, done.result())

    call.add_done_callback(on_response)
    return response


def _settle(settle: Callable[[Any], None], outcome: Any) -> None:
    with suppress(InvalidStateError):  # the response and the end of patience may come at once
        settle(outcome)
