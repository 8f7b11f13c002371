"""`./uio2 data write | import | export | info | view | tokenizer | prepare` (docs/data.md)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from uio2_ros.cli.commands import run_action
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.data.shards import DataSetError
from uio2_ros.recording.failures import RecordingError
from uio2_ros.robot.action_space import ActionSpaceError
from uio2_ros.robot.contract import ContractError
from uio2_ros.robot.errors import CheckpointError, InvalidInputError, TokenizerError

ACTIONS = {
    "write": "write a data set out of the simulator, or go on with one",
    "import": "make a data set of a LeRobot data set or of ROS 2 recordings",
    "export": "make a LeRobot data set of ROS 2 recordings",
    "info": "what is in a data set",
    "view": "draw samples as the model is shown them, and what it is to answer",
    "tokenizer": "train a small tokenizer on the words of a data set",
    "prepare": "what a model makes of the pictures, and what is asked of them, to train on",
}
EXPLAINED = (
    ActionSpaceError,
    CheckpointError,
    ContractError,
    DataSetError,
    InvalidInputError,
    RecordingError,
    TokenizerError,
)
"""Errors whose message says all there is to say."""


def main(argv: Sequence[str]) -> int:
    """0: done; 1: what was given or found could not be used; 2: wrong arguments."""
    try:
        return run_action("data", ACTIONS, argv)
    except EXPLAINED as problem:
        return ended(f"data {argv[0]}", problem, Exit.FAILED)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it ended", file=sys.stderr)
        return Exit.INTERRUPTED
