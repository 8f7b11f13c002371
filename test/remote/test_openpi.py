"""openpi's protocol, as its clients and servers speak it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import numpy as np
import pytest
from patience import patient
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from uio2_ros.remote import numpy_messages
from uio2_ros.remote.client import RemoteModel
from uio2_ros.robot.action_space import ActionSpace, Dimension, DimensionKind, SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.serving import InProcess, ModelState
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.runner import LoadedModel
from uio2_ros.serving.status import ModelDescription

WAIT_S = patient(30.0)
DIMENSIONS = tuple(Dimension(name, DimensionKind.JOINT, "rad", -9.0, 9.0) for name in "ab")
SPACE = ActionSpace("two", SpaceKind.CONTINUOUS, "", "base", DIMENSIONS, rate_hz=10, chunk=2)


def openpi_packed(value: Any) -> bytes:
    """As openpi's msgpack_numpy writes it."""

    def array(one: Any) -> Any:
        assert isinstance(one, np.ndarray)
        return {
            b"__ndarray__": True,
            b"data": one.tobytes(),
            b"dtype": one.dtype.str,
            b"shape": one.shape,
        }

    return msgpack.packb(value, default=array)


class Acting:
    """A runner whose plans are always the same; it says what it saw."""

    def __init__(self, plan: TaskPlan) -> None:
        self.plan = plan
        self.seen: list[tuple[Instruction, Observation]] = []

    def run(self, instruction: Instruction, observation: Observation, _: object = None) -> Answer:
        self.seen.append((instruction, observation))
        if instruction.instruction == "break":
            raise RuntimeError("shapes do not match")
        return Answer(task=instruction.task, plan=self.plan, model="acting")


def acting(plan: TaskPlan) -> tuple[Acting, InProcess]:
    runner = Acting(plan)
    answerer = InProcess(lambda: LoadedModel(runner, ModelDescription("acting")))  # type: ignore[arg-type]
    assert answerer.wait_ready(WAIT_S).state is ModelState.READY
    return runner, answerer


CHUNK = TaskPlan(
    "two",
    tuple(
        Step(ActionKind.CONTINUOUS, "two", values=(n, -n), time_from_start_s=n) for n in (1.0, 2.0)
    ),
)


def test_an_openpi_client_gets_actions(make_server: Callable[..., Any]) -> None:
    runner, answerer = acting(CHUNK)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    with connect(make_server(answerer).uri, compression=None) as connection:
        metadata = numpy_messages.unpack(connection.recv())
        assert (metadata["model"], metadata["task"]) == ("acting", "act")
        for n in range(2):
            asked = {
                "observation/image": pixels,
                "observation/state": np.zeros(8),
                "prompt": "go on",
            }
            connection.send(openpi_packed(asked))
            result = numpy_messages.unpack(connection.recv())
            assert result["actions"].tolist() == [[1, -1], [2, -2]]
            assert result["server_timing"]["infer_ms"] > 0
            assert ("prev_total_ms" in result["server_timing"]) is bool(n)
    instruction, observation = runner.seen[0]
    assert (instruction.instruction, instruction.task) == ("go on", "act")
    assert np.array_equal(observation.image.pixels, pixels)


def test_poses_are_rows_of_six(make_server: Callable[..., Any]) -> None:
    step = Step(ActionKind.PICK_PLACE, "pick_place", Pose2D(1, 2, 3), Pose2D(4, 5, 6))
    _, answerer = acting(TaskPlan("vima", (step,)))
    with connect(make_server(answerer).uri, compression=None) as connection:
        connection.recv()
        connection.send(openpi_packed({"prompt": "put it there"}))
        result = numpy_messages.unpack(connection.recv())
    assert result["actions"].tolist() == [[1, 2, 3, 4, 5, 6]]
    assert result["action_names"] == ["pick_place"]


@pytest.mark.parametrize("shape", [(3, 24, 32), (24, 32, 3)])
def test_pictures_of_other_forms_are_understood(
    make_server: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    runner, answerer = acting(CHUNK)
    with connect(make_server(answerer).uri, compression=None) as connection:
        connection.recv()
        high = np.ones(shape, np.float32)
        connection.send(openpi_packed({"images": {"cam_high": high}, "prompt": ""}))
        connection.recv()
    image = runner.seen[0][1].image
    assert image.pixels.shape == (24, 32, 3)
    assert (image.pixels == 255).all()


def test_what_is_wrong_is_a_text_and_the_connection_goes_on(
    make_server: Callable[..., Any],
) -> None:
    _, answerer = acting(CHUNK)
    with connect(make_server(answerer).uri, compression=None) as connection:
        connection.recv()
        for wrong in (b"\x81", openpi_packed({"prompt": 5}), openpi_packed({"prompt": "break"})):
            connection.send(wrong)
            told = connection.recv()
            assert isinstance(told, str)
            assert "Traceback" not in told
        connection.send(openpi_packed({"prompt": "go on"}))
        assert "actions" in numpy_messages.unpack(connection.recv())


@contextmanager
def policy(actions: Any, metadata: dict[str, Any]) -> Iterator[tuple[str, list[dict[Any, Any]]]]:
    """A server of openpi's protocol; its address, and what it was asked."""
    asked: list[dict[Any, Any]] = []

    def handle(connection: ServerConnection) -> None:
        connection.send(openpi_packed(metadata))
        for data in connection:
            asked.append(numpy_messages.unpack(data))
            if isinstance(actions, str):
                connection.send(actions)
            else:
                timing = {"infer_ms": 12.5}
                connection.send(openpi_packed({"actions": actions, "server_timing": timing}))

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", asked
        server.shutdown()
        thread.join(WAIT_S)


SEEN = Observation(image=Frame(np.full((30, 60, 3), 9, np.uint8), stamp_ns=1))
ACT = Instruction("go on", task="act", action_space="two")


def asked_of(client: RemoteModel, instruction: Instruction, seen: Observation = SEEN) -> Answer:
    return client.submit(instruction, seen, timeout_s=WAIT_S).result(WAIT_S)


def test_an_openpi_server_gives_plans(make_client: Callable[..., RemoteModel]) -> None:
    with policy(np.array([[1, 2], [3, 4]], np.float32), {"anything": 1}) as (uri, asked):
        client = make_client(uri, spaces={"two": SPACE})
        assert client.wait_ready(WAIT_S).state is ModelState.READY
        answer = asked_of(client, ACT)
        assert answer.error_code is ErrorCode.NONE, answer.error_msg
        assert answer.model == f"policy at {uri}"
        assert [step.values for step in answer.plan.steps] == [(1, 2), (3, 4)]
        assert [step.time_from_start_s for step in answer.plan.steps] == [0.1, 0.2]
        assert answer.plan.frame_id == "base"
        assert answer.timings.decode == pytest.approx(0.0125)
    shown = asked[0]["observation/image"]
    assert asked[0]["prompt"] == "go on"
    assert shown.shape == (224, 224, 3)
    assert (shown[112] == 9).all()
    assert (shown[0] == 0).all(), "letterboxed"


def test_what_a_policy_cannot_give_is_an_error(make_client: Callable[..., RemoteModel]) -> None:
    with policy(np.zeros((2, 7)), {}) as (uri, _):
        client = make_client(uri, spaces={"two": SPACE})
        client.wait_ready(WAIT_S)
        assert asked_of(client, ACT).error_code is ErrorCode.PARSE_FAILED
        caption = Instruction("", task="caption")
        assert asked_of(client, caption).error_code is ErrorCode.UNKNOWN_TASK
        assert asked_of(client, ACT, Observation()).error_code is ErrorCode.NO_INPUT
    with policy("Traceback ...\nValueError: no state", {}) as (uri, _):
        client = make_client(uri, spaces={"two": SPACE})
        client.wait_ready(WAIT_S)
        answer = asked_of(client, ACT)
        assert answer.error_code is ErrorCode.INFERENCE_FAILED
        assert "ValueError: no state" in answer.error_msg


def test_a_server_of_another_version_is_refused(make_client: Callable[..., RemoteModel]) -> None:
    with policy(np.zeros(1), {"uio2_ros": {"version": 999}}) as (uri, _):
        status = make_client(uri).wait_ready(WAIT_S)
        assert status.state is ModelState.FAILED
        assert "version 999" in status.reason


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.zeros((0, 3), np.uint8),
        np.array(True),
        np.float64(1.5),
        {"a": [1, "b", {"c": np.arange(2)}]},
    ],
)
def test_what_openpi_packs_is_unpacked(value: Any) -> None:
    packed = numpy_messages.pack({"value": value})
    assert str(numpy_messages.unpack(packed)["value"]) == str(value)


@pytest.mark.parametrize(
    "change",
    [
        {b"dtype": "|O"},
        {b"dtype": "<c16"},
        {b"dtype": "<f8,<f8"},
        {b"dtype": 7},
        {b"shape": [1000000]},
        {b"shape": [-1]},
        {b"shape": "5"},
        {b"data": 5},
        {b"data": b""},
    ],
    ids=str,
)
def test_arrays_that_are_none_are_refused(change: dict[bytes, Any]) -> None:
    array = {b"__ndarray__": True, b"data": bytes(8), b"dtype": "<f8", b"shape": [1]}
    with pytest.raises(ProtocolError):
        numpy_messages.unpack(msgpack.packb({"x": {**array, **change}}))


def test_objects_do_not_travel() -> None:
    with pytest.raises(ProtocolError, match="object"):
        numpy_messages.pack({"x": np.array([object()])})


def test_acting_is_what_openpi_clients_are_answered_with() -> None:
    from uio2_ros.remote.server import PolicyTask

    assert PolicyTask("next_action").metadata()["action_space"] == "vima"
    with pytest.raises(ValueError, match="gives no actions; give act"):
        PolicyTask("caption")
    with pytest.raises(ValueError, match="is unknown"):
        PolicyTask("act", "nowhere")
