"""What a server takes and refuses."""

from __future__ import annotations

import asyncio
import random
import urllib.request
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from patience import patient
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import connect

from uio2_ros.remote import numpy_messages
from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.protocol import (
    CLIENT_CODEC,
    SERVER_CODEC,
    Ask,
    Greeting,
    KeepFrame,
    ModelNow,
    SentFrame,
    SentObservation,
    Welcome,
)
from uio2_ros.remote.session import ClientSession, Unacceptable
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.serving.protocol import Answered, Cancel

WAIT_S = patient(30.0)


def asked(number: int, text: str = "count 1", **options: Any) -> bytes:
    given = {"observation": SentObservation(), "timeout_s": WAIT_S, "reports": False, **options}
    return CLIENT_CODEC.pack(Ask(number, Instruction(text), **given))


def reason_of(connection: Any) -> str:
    """Why the server ended the connection."""
    try:
        while True:
            connection.recv(WAIT_S)
    except ConnectionClosed as closed:
        return "" if closed.rcvd is None else closed.rcvd.reason


def test_who_says_hello_is_told_the_bounds_and_the_model(server: Any) -> None:
    with connect(server.uri) as connection:
        metadata = numpy_messages.unpack(connection.recv())
        assert metadata["uio2_ros"] == {"version": 1}
        connection.send(CLIENT_CODEC.pack(Greeting("arm")))
        assert isinstance(SERVER_CODEC.unpack(connection.recv()), Welcome)
        told = SERVER_CODEC.unpack(connection.recv())
        assert isinstance(told, ModelNow)
        assert told.model.name == "fake synthetic"
        connection.send(asked(5, "count 2"))
        answered = SERVER_CODEC.unpack(connection.recv())
        assert isinstance(answered, Answered)
        assert (answered.number, answered.answer.text) == (5, "0 1")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("a text", "a text; expected binary frames"),
        (b"\x90", "1 bytes are no message"),
        (b"\x93\x02\xa5Hello\x80", "the other side speaks protocol 2"),
        (CLIENT_CODEC.pack(Greeting("x" * 101)), "a robot's name has at most 100"),
        (CLIENT_CODEC.pack(Greeting("a\nb")), "a robot's name has at most 100"),
        (CLIENT_CODEC.pack(KeepFrame(SentFrame(1, key=5))), "no picture 5 was kept"),
        (asked(1, observation=SentObservation(audio_rate=0)), "0 s of sound at 0 Hz"),
    ],
)
def test_what_is_not_understood_ends_that_connection_alone(
    server: Any, client: RemoteModel, frame: str | bytes, reason: str
) -> None:
    with connect(server.uri) as connection:
        connection.send(frame)
        assert reason in reason_of(connection)
    pending = client.submit(Instruction("count 1"), Observation(), timeout_s=WAIT_S)
    assert pending.result(WAIT_S).text == "0"


def test_a_number_is_used_by_one_instruction_at_a_time(server: Any) -> None:
    with connect(server.uri) as connection:
        connection.send(asked(1, "count 100000"))
        connection.send(asked(1))
        assert "instruction 1 is under way already" in reason_of(connection)


def test_an_instruction_without_time_is_late(server: Any) -> None:
    with connect(server.uri) as connection:
        connection.recv()
        for timeout_s in (0.0, -1.0, float("nan")):
            connection.send(asked(1, timeout_s=timeout_s))
            answer = SERVER_CODEC.unpack(connection.recv()).answer
            assert answer.error_code is ErrorCode.TIMEOUT


def test_cancelling_what_is_not_under_way_is_nothing(server: Any) -> None:
    with connect(server.uri) as connection:
        connection.recv()
        connection.send(CLIENT_CODEC.pack(Cancel(7)))
        connection.send(asked(8))
        assert SERVER_CODEC.unpack(connection.recv()).number == 8


def test_a_message_has_so_many_bytes_at_most(make_server: Callable[..., Any]) -> None:
    serving = make_server(limits=ServerLimits(message_bytes=2**20))
    with connect(serving.uri, compression=None) as connection:
        connection.recv()
        connection.send(b"\x90" + bytes(2**21))
        with pytest.raises(ConnectionClosed):
            connection.recv(WAIT_S)


@pytest.mark.parametrize("limits", [{"connections": 1}, {"connections_each": 1}])
def test_so_many_are_connected_at_most(
    make_server: Callable[..., Any], limits: dict[str, int]
) -> None:
    serving = make_server(limits=ServerLimits(**limits))
    with connect(serving.uri) as first, connect(serving.uri) as second:
        first.recv()
        assert "too many clients" in reason_of(second)
        first.send(asked(1))
        assert SERVER_CODEC.unpack(first.recv()).answer.text == "0"


def test_who_does_not_read_is_not_waited_for(server: Any) -> None:
    """Answers that nobody reads stay few, and end the connection."""

    async def ask_without_reading() -> None:
        session = ClientSession(SimpleNamespace(), server.server)  # type: ignore[arg-type]
        for number in range(10000):
            await session._take(asked(number, timeout_s=-1.0))

    with pytest.raises(Unacceptable, match="were not read"):
        asyncio.run(ask_without_reading())


def test_noise_never_ends_the_server(server: Any, client: RemoteModel) -> None:
    chance = random.Random(0)
    right = [asked(1), CLIENT_CODEC.pack(Greeting("arm")), numpy_messages.pack({"prompt": "go"})]
    for _ in range(40):
        data = bytearray(chance.choice(right))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            with connect(server.uri) as connection:
                connection.send(bytes(data[: chance.randrange(1, len(data) + 1)]))
                connection.send(asked(2))
                connection.recv(WAIT_S)
        except ConnectionClosed:
            continue
    with pytest.raises((InvalidMessage, ConnectionClosed, OSError)):
        urllib.request.urlopen(server.uri.replace("ws:", "http:") + "/nowhere", timeout=WAIT_S)
    pending = client.submit(Instruction("count 1"), Observation(), timeout_s=WAIT_S)
    assert pending.result(WAIT_S).text == "0"


def get(server: Any, path: str) -> str:
    address = server.uri.replace("ws:", "http:") + path
    with urllib.request.urlopen(address, timeout=WAIT_S) as response:
        return response.read().decode()


def test_it_says_that_it_is_there(server: Any) -> None:
    assert get(server, "/healthz") == "OK\n"


def test_prometheus_reads_what_was_answered(server: Any, client: RemoteModel) -> None:
    pytest.importorskip("prometheus_client")
    for text in ("count 1", "refuse"):
        client.submit(Instruction(text), Observation(), timeout_s=WAIT_S).result(WAIT_S)
    text = get(server, "/metrics")
    assert 'uio2_answers_total{code="NONE",task=""} 1.0' in text
    assert 'uio2_answers_total{code="NO_INPUT",task=""} 1.0' in text
    assert "uio2_connections 1.0" in text
    assert "uio2_model_ready 1.0" in text
    assert "uio2_instructions_under_way 0.0" in text
