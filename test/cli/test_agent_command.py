"""How the commands end that ask a running agent, and what they say then."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from uio2_ros.cli.agent_command import run_command
from uio2_ros.cli.outcome import Exit
from uio2_ros.client import AgentError, AgentUnavailableError
from uio2_ros.robot.errors import ErrorCode, InvalidInputError

GONE = AgentUnavailableError("there is no /agent")


def ending(error: BaseException, **settings: Exit) -> int:
    def command() -> int:
        raise error

    return run_command("look", command, InvalidInputError, **settings)


def test_a_command_that_comes_to_its_end_says_its_own_exit_code() -> None:
    assert run_command("look", lambda: Exit.DONE) == 0
    assert run_command("look", lambda: Exit.FAILED) == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (GONE, 2, "there is no /agent [UNKNOWN 9100]"),
        (AgentError(ErrorCode.TIMEOUT, "late"), 1, "late [TIMEOUT 9109]"),
        (InvalidInputError("no picture"), 1, "no picture"),
        (KeyboardInterrupt(), 130, "cancelled"),
        (KeyboardInterrupt("ended after 3 answers"), 130, "ended after 3 answers"),
    ],
)
def test_why_there_is_no_result_is_a_line_with_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == code
    assert capsys.readouterr() == ("", f"uio2 look: {said}\n")


def test_a_bug_is_a_traceback() -> None:
    with pytest.raises(ValueError, match="a bug"):
        ending(ValueError("a bug"))


def test_a_command_may_count_an_absent_agent_as_a_failure() -> None:
    assert ending(GONE, without_agent=Exit.FAILED) == 1
