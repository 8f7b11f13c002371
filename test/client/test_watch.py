"""Standing instructions, from Python and the command line, of an agent that sees five times a
second. Of task refexp its model, whose weights mean nothing, always answers with one box.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nodes.agent_process import AgentProcess
from nodes.robot import wait_until
from nodes.scripted_model import ENDLESS
from patience import patient
from std_srvs.srv import SetBool

from uio2_ros.cli import watch as command
from uio2_ros.client import AgentAnswer, AgentClient, AgentError, PendingAnswer, Until
from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


class Heard:
    """The answers of a standing instruction."""

    def __init__(self) -> None:
        self.answers: list[AgentAnswer] = []

    def __call__(self, answer: AgentAnswer) -> None:
        self.answers.append(answer)

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.answers) >= count, f"{count} answers")


@pytest.fixture(scope="module")
def client(agent: AgentProcess) -> Iterator[AgentClient]:
    del agent
    with AgentClient() as client:
        assert client.wait_for_agent(patient(20))
        yield client


def refused(pending: PendingAnswer[AgentAnswer]) -> AgentError:
    with pytest.raises(AgentError) as error:
        pending.result(patient(30))
    return error.value


def test_it_ends_with_the_answer_in_which_it_is_seen(client: AgentClient) -> None:
    heard = Heard()
    answer = client.watch("the cup", task="refexp", until=Until.SEEN, in_a_row=2, on_answer=heard)
    assert len(heard.answers) == 2
    assert answer.detections == heard.answers[-1].detections
    assert answer.stamp_ns > heard.answers[0].stamp_ns


def test_an_object_has_one_id_and_each_picture_is_asked_about_once(client: AgentClient) -> None:
    heard = Heard()
    pending = client.watch_async("the cup", task="refexp", on_answer=heard)
    heard.wait_for(4)
    pending.cancel()
    assert refused(pending).code is ErrorCode.CANCELED
    ids = {found.track for answer in heard.answers for found in answer.detections}
    assert len(ids) == 1
    assert ids != {""}
    stamps = [answer.stamp_ns for answer in heard.answers]
    assert stamps == sorted(set(stamps))


def test_several_go_on_beside_each_other_and_diagnostics_tell_their_rates(
    client: AgentClient,
) -> None:
    readings: dict[str, str] = {}

    def keep(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "agent: watches":
                readings.update({value.key: value.value for value in status.values})

    subscription = client.node.create_subscription(DiagnosticArray, "/diagnostics", keep, 10)
    heard = [Heard(), Heard()]
    pending = [
        client.watch_async(text, task="refexp", rate_hz=2.0, on_answer=one)
        for text, one in zip(("the cup", "the door"), heard, strict=True)
    ]
    for one in heard:
        one.wait_for(2)

    def told(text: str) -> list[str]:
        return [value for key, value in readings.items() if f"{text!r}: reached (Hz)" in key]

    wait_until(lambda: readings.get("standing instructions") == "2", "diagnostics")
    wait_until(lambda: bool(told("the cup") and told("the door")), "the rates")
    for one in pending:
        one.cancel_and_wait(patient(10))
    wait_until(lambda: readings.get("standing instructions") == "0", "their end")
    client.node.destroy_subscription(subscription)


def test_what_is_asked_once_does_not_wait_for_it(client: AgentClient) -> None:
    pending = client.watch_async(ENDLESS)
    assert client.ask("the cup", task="refexp").text == "the cup"
    assert not pending.done()
    pending.cancel()
    assert refused(pending).code is ErrorCode.CANCELED


def test_time_that_is_over_is_an_error_where_something_was_awaited(client: AgentClient) -> None:
    late = client.watch_async("the cup", task="refexp", until=Until.GONE, for_at_most_s=1.0)
    assert refused(late).code is ErrorCode.TIMEOUT
    lasted = client.watch("the cup", task="refexp", for_at_most_s=patient(1.0))
    assert lasted.text == "the cup"


def test_a_condition_that_cannot_be_met_and_a_task_that_is_none_are_refused(
    client: AgentClient,
) -> None:
    words = client.watch_async("is it red?", task="vqa", until=Until.SEEN)
    assert refused(words).code is ErrorCode.INVALID_REQUEST
    assert refused(client.watch_async("cup", task="nope")).code is ErrorCode.UNKNOWN_TASK


def test_an_agent_that_is_disabled_ends_it_and_says_why(client: AgentClient) -> None:
    heard = Heard()
    pending = client.watch_async("the cup", task="refexp", on_answer=heard)
    heard.wait_for(1)
    enable = client.node.create_client(SetBool, f"{client.agent}/enable")
    done = threading.Event()
    enable.call_async(SetBool.Request(data=False)).add_done_callback(lambda _: done.set())
    error = refused(pending)
    assert (error.code, "disabled" in error.message) == (ErrorCode.CANCELED, True)
    assert done.wait(patient(10))
    enabled = threading.Event()
    enable.call_async(SetBool.Request(data=True)).add_done_callback(lambda _: enabled.set())
    assert enabled.wait(patient(10))
    client.node.destroy_client(enable)


def test_from_the_command_line(client: AgentClient, capsys: pytest.CaptureFixture[str]) -> None:
    del client
    words = ["the cup", "--task", "refexp", "--until", "seen", "--json"]
    assert command.main(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    (found,) = json.loads(line)["detections"]
    assert found["track"]
    assert command.main(["the cup", "--task", "refexp", "--until", "gone", "--for", "1"]) == 1
    assert "TIMEOUT" in capsys.readouterr().err
