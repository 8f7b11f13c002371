"""Why a plan was not carried out. No rclpy."""

from __future__ import annotations


class ExecutionError(Exception):
    """The bridge did not carry the plan out: its error code (ExecutePlan.Result) and its reason."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"
