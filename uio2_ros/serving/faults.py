"""What the exceptions and deaths of the inference process mean. Imports nothing heavy."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError


@dataclass(frozen=True)
class Fault:
    """An error code, a message, and whether the process cannot go on after it."""

    code: ErrorCode
    message: str
    broken: bool = False

    def answer(self, task: str = "") -> Answer:
        """The answer to an instruction that met it."""
        return Answer.failed(self.code, self.message, task)


class InstructionCanceled(Exception):
    """Raised out of a run that was cancelled or is late."""


def fault_of(error: Exception) -> Fault:
    """The fault that an exception of a run stands for. torch's own are known by their names."""
    name = type(error).__name__
    if isinstance(error, InstructionError):
        return Fault(error.code, error.message)
    if isinstance(error, InstructionCanceled):
        return Fault(ErrorCode.CANCELED, "the instruction was cancelled")
    if isinstance(error, InvalidInputError):
        return Fault(ErrorCode.INVALID_INPUT, str(error) or name)
    if is_out_of_memory(error):
        return Fault(ErrorCode.OUT_OF_MEMORY, f"the model ran out of memory: {error}")
    broken = name == "AcceleratorError" or "CUDA error" in str(error)
    return Fault(ErrorCode.INFERENCE_FAILED, f"the model failed: {name}: {error}", broken)


def is_out_of_memory(error: BaseException) -> bool:
    """Python's, torch's GPU and torch's CPU way of saying so."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def out_of_memory_kills() -> int:
    """Processes the kernel has killed for want of memory since it booted; 0 if it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def fault_of_exit(returncode: int, kills_before: int) -> Fault:
    """The fault that the end of the process stands for; `kills_before` its start."""
    if returncode >= 0:
        message = f"the inference process ended with exit code {returncode}; its log says why"
        return Fault(ErrorCode.INFERENCE_FAILED, message, broken=True)
    names = {known.value: known.name for known in signal.Signals}  # not all signals have one
    name = names.get(-returncode, f"signal {-returncode}")
    if -returncode == signal.SIGKILL and out_of_memory_kills() > kills_before:
        message = (
            "the kernel killed the inference process because memory ran out; use a smaller model "
            "or dtype, or free memory"
        )
        return Fault(ErrorCode.OUT_OF_MEMORY, message, broken=True)
    message = f"the inference process was ended by {name}"
    return Fault(ErrorCode.INFERENCE_FAILED, message, broken=True)
