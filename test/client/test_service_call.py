"""Calls of services end, whatever becomes of the server."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from uio2_ros.client.service_call import ask_service

LATE = TimeoutError("it is silent")


class FakeClient:
    """What rclpy's client does of a call; a test answers it, or does not."""

    def __init__(self) -> None:
        self.call: Future[Any] = Future()
        self.forgotten: list[Any] = []

    def call_async(self, request: Any) -> Future[Any]:
        del request
        return self.call

    def remove_pending_request(self, call: Any) -> None:
        self.forgotten.append(call)


def test_the_response_is_given() -> None:
    client = FakeClient()
    response = ask_service(client, "request", LATE)
    client.call.set_result("done")
    assert response.result(0) == "done"
    assert client.forgotten == []


def test_a_server_that_is_gone_is_waited_for_no_longer_than_asked() -> None:
    client = FakeClient()
    response = ask_service(client, "request", LATE, longest_s=0.01)
    with pytest.raises(TimeoutError, match="silent"):
        response.result(60)
    assert client.forgotten == [client.call]
    client.call.set_result("too late, and nobody minds")


def test_what_the_call_raises_is_raised() -> None:
    client = FakeClient()
    response = ask_service(client, "request", LATE)
    client.call.set_exception(RuntimeError("no such service"))
    with pytest.raises(RuntimeError, match="no such"):
        response.result(0)
