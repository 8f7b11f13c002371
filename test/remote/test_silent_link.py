"""Links that swallow what they are given and tell nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import patient

from uio2_ros.cli.emulated_link import EmulatedLink
from uio2_ros.remote import client as remote_client
from uio2_ros.remote.client import RemoteModel
from uio2_ros.robot.answer import Progress
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.serving import ModelState

WAIT_S = patient(30.0)
ALONE = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c")
"""A network of one's own, with nothing in it but a loopback interface that is down."""


@pytest.fixture
def link(server: Any) -> Iterator[EmulatedLink]:
    with EmulatedLink(server.port) as link:
        yield link


def begin(client: RemoteModel) -> Any:
    """An endless instruction that the server has."""
    heard = threading.Event()

    def hear(_: Progress) -> None:
        heard.set()

    pending = client.submit(
        Instruction("count 1000000"), Observation(), timeout_s=WAIT_S, on_progress=hear
    )
    assert heard.wait(WAIT_S)
    return pending


def until_state(client: RemoteModel, state: ModelState) -> None:
    pause = threading.Event()
    for _ in range(round(WAIT_S / 0.02)):
        if client.status().state is state:
            return
        pause.wait(0.02)
    raise AssertionError(f"the model is {client.status().state}, not {state}")


def test_a_link_that_swallows_all_is_noticed_and_what_was_asked_fails(
    link: EmulatedLink,
    make_client: Callable[..., RemoteModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy's kernel acknowledges everything, so only heartbeats without answer show it."""
    monkeypatch.setattr(remote_client, "STALLED_S", 0.5)
    client = make_client(f"ws://127.0.0.1:{link.port}")
    client.wait_ready(WAIT_S)
    pending = begin(client)
    link.swallow()
    assert pending.result(WAIT_S).error_code is ErrorCode.MODEL_NOT_READY
    link.go_on()
    until_state(client, ModelState.READY)
    answer = client.submit(Instruction("count 2"), Observation(), timeout_s=WAIT_S).result(WAIT_S)
    assert answer.text == "0 1"


def test_a_link_that_is_cut_is_made_again(
    link: EmulatedLink, make_client: Callable[..., RemoteModel]
) -> None:
    client = make_client(f"ws://127.0.0.1:{link.port}")
    client.wait_ready(WAIT_S)
    pending = begin(client)
    link.cut()
    assert pending.result(WAIT_S).error_code is ErrorCode.MODEL_NOT_READY
    until_state(client, ModelState.READY)


def test_an_interface_that_goes_down_is_noticed_by_the_kernel() -> None:
    """Nothing is acknowledged then: heartbeats without answer would show it much later."""
    if shutil.which("ip") is None or subprocess.call([*ALONE, "ip link set lo up"]):
        pytest.skip("this machine lets nobody have a network of their own")
    script = f"ip link set lo up && exec {sys.executable} {__file__}"
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [*ALONE, script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=2 * WAIT_S,
    )
    assert told.stdout.strip() == "MODEL_NOT_READY", told.stderr


def _lose_the_interface() -> None:
    """In a network of one's own: asks over its interface, and takes that down."""
    from functools import partial

    from conftest import Serving
    from fake_runner import make

    from uio2_ros.remote.access import Address, ServerAccess
    from uio2_ros.remote.settings import RemoteSettings
    from uio2_ros.serving import InProcess, ModelSpec

    remote_client.STALLED_S = 10 * WAIT_S
    answerer = InProcess(partial(make, ModelSpec()))
    answerer.wait_ready(WAIT_S)
    serving = Serving(answerer, ServerAccess(Address("127.0.0.1", 0)), None)
    client = RemoteModel(serving.uri, RemoteSettings())
    client.start()
    client.wait_ready(WAIT_S)
    pending = begin(client)
    subprocess.check_call(["ip", "link", "set", "lo", "down"])
    print(pending.result(WAIT_S).error_code.name, flush=True)


if __name__ == "__main__":
    _lose_the_interface()
    os._exit(0)  # the threads wait for a network that is gone
