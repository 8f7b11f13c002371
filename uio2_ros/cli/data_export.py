"""`./uio2 data export lerobot FILE ... DIR --contract FILE`: recordings as a LeRobot data set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.cli.data_import import action_space_of
from uio2_ros.robot.contract import read_contract


def main(argv: Sequence[str]) -> int:
    """0: written."""
    from uio2_ros.recording.to_lerobot import LeRobotExport

    asked = _parser().parse_args(list(argv))
    contract = read_contract(asked.contract)
    space = action_space_of(asked.action_space or contract.action_space)
    export = LeRobotExport(contract, space, asked.instruction)
    written = export.write(tuple(asked.source), asked.folder)
    print(f"{asked.folder}: {written.episodes} episodes, {written.frames} frames")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 data export", description="Make a LeRobot data set (v3.0) of recordings."
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    lerobot = kinds.add_parser("lerobot", help="pictures in the tables, without loss")
    lerobot.add_argument("source", type=Path, nargs="+", metavar="FILE", help="MCAP, .db3 or bag")
    lerobot.add_argument("folder", type=Path, metavar="DIR", help="of the new data set")
    lerobot.add_argument("--contract", type=Path, required=True, help="which topic is which key")
    lerobot.add_argument("--action-space", default="", help="default: that of the contract")
    lerobot.add_argument("--instruction", default="", help="where no topic tells what was done")
    return parser
