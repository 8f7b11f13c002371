"""The server on a Ray of this machine, with two replicas of a model that tests script."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from patience import patient

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")
pytest.importorskip("ray.serve")

from ray import serve  # noqa: E402

from uio2_ros.processes.access import AccessError  # noqa: E402
from uio2_ros.remote.access import Address  # noqa: E402
from uio2_ros.remote.client import RemoteModel  # noqa: E402
from uio2_ros.remote.fleet import application  # noqa: E402
from uio2_ros.remote.fleet.cluster import connect, deploy, update_model  # noqa: E402
from uio2_ros.remote.fleet.replicated_model import running_replicas  # noqa: E402
from uio2_ros.remote.fleet.settings import FleetSettings, GatewaySettings  # noqa: E402
from uio2_ros.remote.settings import RemoteSettings  # noqa: E402
from uio2_ros.robot.answer import Answer, Progress  # noqa: E402
from uio2_ros.robot.errors import ErrorCode  # noqa: E402
from uio2_ros.robot.instruction import Instruction  # noqa: E402
from uio2_ros.robot.observation import Observation  # noqa: E402
from uio2_ros.serving import ModelSpec, ModelState, ServingSettings  # noqa: E402

WAIT_S = patient(60.0)
TESTS = Path(__file__).parents[1]
FACTORY = "fake_runner:make"
SERVING = ServingSettings(concurrent=1, queue_size=32)
FLEET = FleetSettings(min_replicas=2, max_replicas=2, cpus=0.5)
ROBOTS = [f"robot {number}" for number in range(6)]


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    """Of a gateway that asks two replicas."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = [str(TESTS.parent), str(TESTS), str(TESTS / "serving")]
    with pytest.MonkeyPatch.context() as patch:
        known = os.environ.get("PYTHONPATH", "")
        patch.setenv("PYTHONPATH", os.pathsep.join([*paths, known]))
        connect(FLEET)
        try:
            gateway = GatewaySettings(private=True)
            deploy(
                ModelSpec(), SERVING, FLEET, gateway, Address("127.0.0.1", port), ("", ""), FACTORY
            )
            yield f"ws://127.0.0.1:{port}"
            serve.shutdown()
        finally:
            ray.shutdown()


@pytest.fixture
def clients(uri: str) -> Iterator[list[RemoteModel]]:
    """Of several robots; they are ready."""
    made = [RemoteModel(uri, RemoteSettings(robot=robot)) for robot in ROBOTS]
    for client in made:
        client.start()
    for client in made:
        status = client.wait_ready(WAIT_S)
        assert status.state is ModelState.READY, status.reason
    yield made
    for client in made:
        client.close()


def submit(client: RemoteModel, text: str, task: str = "") -> Future[Answer]:
    return client.submit(Instruction(text, task=task), Observation(), timeout_s=WAIT_S)


@contextmanager
def load(clients: list[RemoteModel]) -> Iterator[list[Answer]]:
    """Each asks one instruction after the other meanwhile; the answers."""
    over, answers = threading.Event(), list[Answer]()

    def ask(client: RemoteModel) -> None:
        while not over.is_set():
            answers.append(submit(client, "count 3").result(WAIT_S))

    asking = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in asking:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in asking:
            thread.join()


def model_process(client: RemoteModel) -> int:
    """The process of the model that answers a robot; its parent is the replica."""
    return int(submit(client, "process").result(WAIT_S).text)


def test_answers_and_progress_come_through_a_gateway(clients: list[RemoteModel]) -> None:
    told: list[Progress] = []
    pending = clients[0].submit(
        Instruction("count 5"), Observation(), timeout_s=WAIT_S, on_progress=told.append
    )
    answer = pending.result(WAIT_S)
    assert (answer.text, answer.model) == ("0 1 2 3 4", "fake")
    assert told, "somebody wanted to hear of it"
    assert submit(clients[0], "refuse").result(WAIT_S).error_code is ErrorCode.NO_INPUT
    endless = submit(clients[0], "count 1000000")
    endless.cancel()
    assert endless.result(WAIT_S).error_code is ErrorCode.CANCELED


def test_a_robot_has_its_replica(clients: list[RemoteModel]) -> None:
    asked = [{model_process(client) for _ in range(3)} for client in clients]
    assert all(len(processes) == 1 for processes in asked)


def test_a_bundle_is_replaced_without_a_lost_instruction(clients: list[RemoteModel]) -> None:
    before = {model_process(client) for client in clients}
    with load(clients) as answers:
        update_model(ModelSpec("synthetic:other"), SERVING, FLEET, FACTORY)
    assert answers
    assert {answer.error_code for answer in answers} == {ErrorCode.NONE}
    assert not before & {model_process(client) for client in clients}, "all replicas are new"


def test_what_a_dead_replica_had_is_asked_once_more_unless_it_moves_a_robot(
    clients: list[RemoteModel],
) -> None:
    robot, *others = clients
    replica = psutil.Process(model_process(robot)).ppid()
    begun = threading.Event()
    looking = robot.submit(
        Instruction("count 200"), Observation(), timeout_s=WAIT_S, on_progress=lambda _: begun.set()
    )
    assert begun.wait(WAIT_S)
    moving = submit(robot, "count 200", task="act")
    with load(others) as answers:
        while not answers:
            assert not looking.done()
        os.kill(replica, signal.SIGKILL)
        assert moving.result(WAIT_S).error_code is ErrorCode.MODEL_NOT_READY
        assert looking.result(WAIT_S).text.endswith(" 199")
    assert {answer.error_code for answer in answers} == {ErrorCode.NONE}
    pause = threading.Event()
    while running_replicas(application.MODEL) < FLEET.min_replicas:
        pause.wait(0.2)
    assert submit(robot, "count 1").result(WAIT_S).text == "0"


def test_a_gateway_for_everybody_takes_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UIO2_TOKEN", raising=False)
    with pytest.raises(AccessError, match="takes a token"):
        application.Gateway(GatewaySettings())


def test_the_file_for_a_cluster_names_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UIO2_TOKEN", "0123456789abcdef")
    told = yaml.safe_load((TESTS.parent / "config" / "ray_service.yaml").read_text())
    for one in yaml.safe_load(told["spec"]["serveConfigV2"])["applications"]:
        module, _, name = one["import_path"].partition(":")
        assert getattr(importlib.import_module(module), name)(one["args"])


@pytest.mark.parametrize("make", [application.model, application.gateway])
def test_a_setting_that_is_none_is_named(make: object) -> None:
    with pytest.raises(ValueError, match="no setting is called modell"):
        make({"modell": "uio2-nano"})  # type: ignore[operator]
