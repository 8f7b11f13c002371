"""A model behind a connection answers as one that is here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_runner import picture
from patience import patient

from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.pictures import PictureCodec
from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import ModelState
from uio2_ros.serving.answerer import Answerer

WAIT_S = patient(30.0)
NOTHING = Observation()


def ask(answerer: Answerer, text: str, observation: Observation = NOTHING) -> Answer:
    return answerer.submit(Instruction(text), observation, timeout_s=WAIT_S).result(WAIT_S)


def begin(answerer: Answerer, text: str, **options: Any) -> Any:
    started = threading.Event()
    pending = answerer.submit(
        Instruction(text),
        NOTHING,
        on_progress=lambda _: started.set(),
        **{"timeout_s": WAIT_S, **options},
    )
    assert started.wait(WAIT_S)
    return pending


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


def test_it_says_which_model_it_is(client: RemoteModel) -> None:
    assert client.status().model.name == "fake synthetic"
    assert client.status().model.synthetic_weights


def test_it_answers_with_progress_and_timings(client: RemoteModel) -> None:
    told: list[Progress] = []
    released = threading.Event()
    answer = client.submit(
        Instruction("count 5"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=told.append,
        on_released=released.set,
    ).result(WAIT_S)
    assert (answer.text, answer.model) == ("0 1 2 3 4", "fake")
    assert answer.timings.total > answer.timings.queue >= 0
    assert told, "somebody wanted to hear of it"
    assert all(one.stage in (Stage.PREPROCESSING, Stage.GENERATING) for one in told)
    assert released.wait(WAIT_S)
    assert client.status().counts["answered"] == 1


def test_pictures_and_sound_arrive_as_they_are_where_they_travel_raw(
    make_client: Callable[..., RemoteModel], server: Any
) -> None:
    client = make_client(server.uri, pictures=PictureCodec.RAW)
    client.wait_ready(WAIT_S)
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    answer = ask(client, "echo", Observation(image=Frame(pixels, stamp_ns=1)))
    assert np.array_equal(answer.pictures[0].pixels, pixels)
    sound = Observation(audio=np.full(800, 0.5, np.float32), audio_rate=16000)
    assert ask(client, "describe", sound).text == "history 0, audio 800 400"


@pytest.mark.parametrize("codec", [PictureCodec.JPEG, PictureCodec.WEBP])
def test_pictures_arrive_nearly_as_they_are_as_files(
    make_client: Callable[..., RemoteModel], server: Any, codec: PictureCodec
) -> None:
    client = make_client(server.uri, pictures=codec)
    client.wait_ready(WAIT_S)
    pixels = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    answer = ask(client, "echo", Observation(image=Frame(pixels, stamp_ns=1)))
    far = np.abs(answer.pictures[0].pixels.astype(int) - pixels)
    assert far.max() <= 3, "red is red, and blue blue"


def test_a_picture_of_the_history_travels_once(client: RemoteModel) -> None:
    chance = np.random.default_rng(0)
    frames = [
        Frame(chance.integers(0, 256, (240, 320, 3), dtype=np.uint8), stamp_ns=n, key=n)
        for n in (1, 2, 3)
    ]
    seen = Observation(history=tuple(frames[:2]), image=frames[2])
    assert ask(client, "describe", seen).text.startswith("history 2, image (240, 320, 3)")
    first = client.status().counts["bytes_sent"]
    assert ask(client, "describe", seen).text.startswith("history 2, image (240, 320, 3)")
    assert client.status().counts["bytes_sent"] - first < 500


def test_a_frame_that_is_offered_is_encoded_there(client: RemoteModel, server: Any) -> None:
    released = threading.Event()
    frame = Frame(picture(7), stamp_ns=1, key=12345)
    assert client.offer_frame(frame, on_released=released.set)
    assert released.wait(WAIT_S)
    wait_until(lambda: server.answerer.status().counts.get("frames_encoded"))
    assert not ask(client, "encoded").text.startswith("12345"), "keys of two robots may be the same"


def test_a_frame_is_offered_to_nobody_who_is_busy(client: RemoteModel) -> None:
    pending = begin(client, "count 100000")
    released = threading.Event()
    frame = Frame(picture(7), stamp_ns=1, key=1)
    assert not client.offer_frame(frame, on_released=released.set)
    assert released.is_set()
    pending.cancel()


def test_a_cancelled_instruction_ends_at_once_and_the_model_at_its_next_token(
    client: RemoteModel,
) -> None:
    pending = begin(client, "count 100000")
    assert pending.cancel()
    assert pending.result(0).error_code is ErrorCode.CANCELED
    assert ask(client, "count 1").text == "0"


def test_a_late_instruction_is_a_timeout(client: RemoteModel) -> None:
    pending = client.submit(Instruction("count 100000"), NOTHING, timeout_s=0.3)
    answer = pending.result(WAIT_S)
    assert answer.error_code is ErrorCode.TIMEOUT
    assert "no answer within 0.3 s" in answer.error_msg
    assert ask(client, "count 1").text == "0"


def test_what_the_task_refuses_keeps_its_code(client: RemoteModel) -> None:
    answer = ask(client, "refuse")
    assert (answer.error_code, answer.error_msg) == (
        ErrorCode.NO_INPUT,
        "no image has arrived; start the camera",
    )


def test_a_client_asks_for_so_much_at_once(
    make_server: Callable[..., Any], make_client: Callable[..., RemoteModel]
) -> None:
    from uio2_ros.remote.limits import ServerLimits

    client = make_client(make_server(limits=ServerLimits(requests=2)).uri)
    client.wait_ready(WAIT_S)
    pending = [
        client.submit(Instruction("count 100000"), NOTHING, timeout_s=WAIT_S) for _ in range(3)
    ]
    assert pending[2].result(WAIT_S).error_code is ErrorCode.BUSY
    for one in pending:
        one.cancel()
    other = make_client(client._uri)
    other.wait_ready(WAIT_S)
    assert ask(other, "count 1").text == "0", "of another client's requests nobody notices"


def test_what_was_asked_by_one_that_is_gone_is_cancelled(
    server: Any, make_client: Callable[..., RemoteModel]
) -> None:
    client = make_client(server.uri)
    client.wait_ready(WAIT_S)
    pending = begin(client, "count 100000")
    client.close()
    assert pending.result(0).error_code is ErrorCode.CANCELED
    assert client.status().state is ModelState.STOPPED
    wait_until(lambda: server.answerer.status().counts.get("canceled"))


def test_a_picture_that_the_server_does_not_take_is_told_before_it_travels(
    make_server: Callable[..., Any], make_client: Callable[..., RemoteModel]
) -> None:
    from uio2_ros.remote.limits import ServerLimits

    client = make_client(make_server(limits=ServerLimits(picture_pixels=100)).uri)
    client.wait_ready(WAIT_S)
    answer = ask(client, "describe", Observation(image=Frame(picture(0), stamp_ns=1)))
    assert answer.error_code is ErrorCode.INVALID_INPUT
    assert "the server takes 100" in answer.error_msg
    small = Observation(image=Frame(picture(0, 10, 10), stamp_ns=1))
    assert ask(client, "describe", small).text == "history 0, image (10, 10, 3) 0"


# ---- when the link drops ----


def test_when_the_server_goes_what_is_under_way_fails_soon_and_once(
    client: RemoteModel, server: Any
) -> None:
    pending = begin(client, "count 100000")
    answers: list[Answer] = []
    pending.add_done_callback(lambda done: answers.append(done.result(0)))
    server.stop()
    assert pending.result(patient(1.0)).error_code is ErrorCode.MODEL_NOT_READY
    refused = client.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S).result(0)
    assert refused.error_code is ErrorCode.MODEL_NOT_READY
    assert client.status().state is ModelState.RESTARTING
    server.start()
    wait_until(lambda: client.status().state is ModelState.READY)
    assert ask(client, "count 2").text == "0 1"
    assert len(answers) == 1
    assert client.status().counts["link_losses"] == 1


def test_pictures_are_sent_again_after_the_link_dropped(client: RemoteModel, server: Any) -> None:
    seen = Observation(history=(Frame(picture(9), stamp_ns=1, key=1),))
    assert ask(client, "describe", seen).text == "history 1"
    server.stop()
    server.start()
    wait_until(lambda: client.status().counts.get("link_losses"))
    wait_until(lambda: client.status().state is ModelState.READY)
    assert ask(client, "describe", seen).text == "history 1"


def test_a_server_that_comes_later_is_found(
    make_client: Callable[..., RemoteModel], server: Any
) -> None:
    server.stop()
    client = make_client(server.uri)
    status = client.wait_ready(0.1)
    assert status.state is ModelState.LOADING
    server.start()
    assert client.wait_ready(WAIT_S).state is ModelState.READY
