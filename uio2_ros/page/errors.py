"""Errors of the agent and the bridge as statuses of HTTP with a body. No rclpy."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from uio2_ros.client.failures import ExecutionError
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan_errors import Cause, PlanError

STATUSES = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.INVALID_INPUT: 400,
    ErrorCode.UNKNOWN_TASK: 404,
    ErrorCode.CANCELED: 409,
    ErrorCode.BUSY: 429,
    ErrorCode.MODEL_NOT_READY: 503,
    ErrorCode.NO_INPUT: 503,
    ErrorCode.STALE_INPUT: 503,
    ErrorCode.NO_CAMERA_INFO: 503,
    ErrorCode.TIMEOUT: 504,
}
"""What is not among them is 500."""
PLAN_STATUSES = {
    Cause.INVALID_PLAN: 400,
    Cause.OUT_OF_LIMITS: 400,
    Cause.NO_CONTROLLER: 503,
    Cause.TIMEOUT: 504,
}
"""What is not among them is 409: the plan does not fit how things are."""
REPORTED = (InstructionError, PlanError, ExecutionError)
"""What `told` is for."""


def body(code: IntEnum, message: str) -> dict[str, Any]:
    """How errors are told: the number and the name of the code, and what to do."""
    return {"error_code": int(code), "error": code.name, "error_msg": message}


def told(error: Exception) -> tuple[int, dict[str, Any]]:
    """Status and body of an error of `REPORTED`. TypeError for any other."""
    if isinstance(error, InstructionError):
        return STATUSES.get(error.code, 500), body(error.code, error.message)
    if isinstance(error, PlanError):
        return PLAN_STATUSES.get(error.cause, 409), body(error.cause, error.message)
    if isinstance(error, ExecutionError):
        known = error.code in Cause._value2member_map_
        cause = Cause(error.code) if known else Cause.UNKNOWN
        return PLAN_STATUSES.get(cause, 409), body(cause, error.message)
    raise TypeError(f"{type(error).__name__} is no error of the agent or the bridge")
