"""`./uio2 data write | import | export | info | view | tokenizer | prepare` (docs/data.md)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from uio2_ros.data.shards import DataSetError
from uio2_ros.recording.failures import RecordingError
from uio2_ros.robot.action_space import ActionSpaceError
from uio2_ros.robot.contract import ContractError
from uio2_ros.robot.errors import CheckpointError, InvalidInputError, TokenizerError

ACTIONS = {
    "write": "uio2_ros.cli.data_write",
    "import": "uio2_ros.cli.data_import",
    "export": "uio2_ros.cli.data_export",
    "info": "uio2_ros.cli.data_info",
    "view": "uio2_ros.cli.data_view",
    "tokenizer": "uio2_ros.cli.data_tokenizer",
    "prepare": "uio2_ros.cli.data_prepare",
}
USAGE = f"""\
usage: ./uio2 data {{{",".join(ACTIONS)}}} [OPTION ...]

  write   write a data set out of the simulator, or go on with one
  import  make a data set of a LeRobot data set or of ROS 2 recordings
  export  make a LeRobot data set of ROS 2 recordings
  info    what is in a data set
  view    draw samples as the model is shown them, and what it is to answer
  tokenizer  train a small tokenizer on the words of a data set
  prepare    what a model makes of the pictures, and what is asked of them, to train on

./uio2 data ACTION --help explains its options.
"""
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
    if not argv or argv[0] not in ACTIONS:
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    module = importlib.import_module(ACTIONS[argv[0]])
    try:
        code: int = module.main(list(argv[1:]))
    except EXPLAINED as problem:
        print(f"uio2 data {argv[0]}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it ended", file=sys.stderr)
        return 130
    return code
