"""Error codes of the interface and the exceptions that carry them. Imports nothing of ours."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """The error codes of `uio2_ros/msg/InstructionResult` (same names, same numbers)."""

    NONE = 0
    UNKNOWN = 9100
    INVALID_REQUEST = 9101
    UNKNOWN_TASK = 9102
    MODEL_NOT_READY = 9103
    NO_INPUT = 9104
    STALE_INPUT = 9105
    INVALID_INPUT = 9106
    NO_CAMERA_INFO = 9107
    TF_ERROR = 9108
    TIMEOUT = 9109
    CANCELED = 9110
    BUSY = 9111
    OUT_OF_MEMORY = 9112
    INFERENCE_FAILED = 9113
    PARSE_FAILED = 9114

    @classmethod
    def of(cls, number: int) -> ErrorCode:
        """The code of a number; UNKNOWN for those of a newer agent."""
        return cls(number) if number in cls._value2member_map_ else cls.UNKNOWN


class InstructionError(Exception):
    """An instruction that cannot be answered: why, as a code for programs and a text for people.

    The message names what was wrong, what was expected and what to do.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        if not message:
            raise ValueError("an InstructionError needs a message")
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code.name} {int(self.code)}]"


class InvalidInputError(ValueError):
    """Pixels, samples or messages that are not what they claim to be."""


class CheckpointError(ValueError):
    """A checkpoint that does not fit the model; the message lists the tensors."""


class TokenizerError(ValueError):
    """A file that is not a usable SentencePiece model."""
