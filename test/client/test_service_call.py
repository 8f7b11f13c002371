"""Calls of services end, whatever becomes of the server."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from uio2_ros.client.failures import AgentTimeoutError, AgentUnavailableError
from uio2_ros.client.service_call import ask_service, call_service

LATE = TimeoutError("it is silent")


class FakeClient:
    """What rclpy's client does of a call; a test answers it, or does not."""

    service_name = "/agent/list_tasks"

    def __init__(self, *, is_there: bool = True) -> None:
        self._is_there = is_there
        self.call: Future[Any] = Future()
        self.forgotten: list[Any] = []

    def wait_for_service(self, timeout_s: float) -> bool:
        del timeout_s
        return self._is_there

    def call_async(self, request: Any) -> Future[Any]:
        del request
        return self.call

    def remove_pending_request(self, call: Any) -> None:
        self.forgotten.append(call)


class FakeNode:
    """Lends one client."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client
        self.has_it_back = False

    def create_client(self, kind: Any, name: str) -> FakeClient:
        del kind
        assert name == self._client.service_name
        return self._client

    def destroy_client(self, client: FakeClient) -> None:
        self.has_it_back = client is self._client


def called(node: FakeNode) -> Any:
    name = FakeClient.service_name
    return call_service(node, object, name, "request", discovery_s=0.01, longest_s=0.01)


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


def test_a_call_that_is_waited_for_gives_its_client_back_however_it_ends() -> None:
    answered, silent, absent = FakeClient(), FakeClient(), FakeClient(is_there=False)
    answered.call.set_result("done")
    node = FakeNode(answered)
    assert called(node) == "done"
    assert node.has_it_back
    node = FakeNode(silent)
    with pytest.raises(AgentTimeoutError, match=r"/agent/list_tasks is silent for 0\.01 s"):
        called(node)
    assert node.has_it_back
    node = FakeNode(absent)
    with pytest.raises(AgentUnavailableError, match="no service /agent/list_tasks"):
        called(node)
    assert node.has_it_back
