"""Why a client has no answer. No rclpy."""

from __future__ import annotations

from uio2_ros.errors import ErrorCode, InstructionError


class AgentError(InstructionError):
    """There is no answer: `code` for programs, `message` for people.

    The code is the agent's own where the agent said why. This one class catches everything that a
    client raises about an instruction.
    """


class AgentUnavailableError(AgentError):
    """No agent answers under this name; the message says which and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNKNOWN, message)


class AgentTimeoutError(AgentError):
    """The agent is there and has not answered in time; the message says in what time."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TIMEOUT, message)


def code_of(number: int) -> ErrorCode:
    """The code of a number; UNKNOWN for those of a newer agent."""
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.UNKNOWN
