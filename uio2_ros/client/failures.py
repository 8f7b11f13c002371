"""Why a client has no answer, or a plan was not carried out. No rclpy."""

from __future__ import annotations

from uio2_ros.robot.errors import ErrorCode, InstructionError


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


class ExecutionError(Exception):
    """The bridge did not carry the plan out: its error code (ExecutePlan.Result) and its reason."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"
