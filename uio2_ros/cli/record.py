"""`./uio2 record [-o file.mcap] [topic ...]`: records topics until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rclpy.node import Node
from tqdm import tqdm

from uio2_ros.cli.command_node import command_node, turns
from uio2_ros.cli.outcome import Exit, ended, warn
from uio2_ros.processes.supervision import stop_on_signals
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorder import Recorder
from uio2_ros.recording.recording_writer import COMPRESSIONS, RecordingWriter
from uio2_ros.robot.contract import Contract, ContractError, read_contract

MIB = 2**20


def main(argv: Sequence[str]) -> int:
    """0: recorded; 1: the file could not be written to its end; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    stop = stop_on_signals()
    try:
        writer = RecordingWriter(arguments.output or _default_path(), arguments.compression)
    except RecordingError as error:
        return ended("record", error, Exit.WRONG)
    with command_node("recorder") as node:
        return _record(node, writer, arguments, stop)


def _record(
    node: Node, writer: RecordingWriter, arguments: argparse.Namespace, stop: threading.Event
) -> int:
    failures: list[RecordingError] = []

    def fail(error: RecordingError) -> None:
        failures.append(error)
        stop.set()

    recorder = Recorder(node, writer, _topics(arguments), fail)
    print(f"recording to {writer.path}; Ctrl-C ends it", file=sys.stderr)
    with tqdm(unit=" messages", disable=None) as bar:
        for _ in turns(node, stop, arguments.seconds):
            size = writer.size_bytes / MIB
            bar.set_postfix_str(f"{len(recorder.topics)} topics, {size:.1f} MiB", refresh=False)
            bar.update(writer.messages - bar.n)
    recorder.close()
    try:
        writer.close()
    except RecordingError as error:
        failures.append(error)
    _report(writer, recorder, failures)
    return Exit.FAILED if failures else Exit.DONE


def _report(
    writer: RecordingWriter, recorder: Recorder, failures: Sequence[RecordingError]
) -> None:
    for name, problem in sorted(recorder.problems.items()):
        warn("record", f"{name} was left out: {problem}")
    for name in recorder.missing():
        warn("record", f"nobody published {name}")
    for error in failures[:1]:  # what follows the first failure is its consequence
        warn("record", error)
    size = writer.path.stat().st_size / MIB
    topics = len(recorder.topics)
    print(f"{writer.path}: {writer.messages} messages of {topics} topics, {size:.1f} MiB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 record", description="Record topics to an MCAP file until Ctrl-C."
    )
    parser.add_argument("topics", nargs="*", help="default: all but logs and parameter events")
    parser.add_argument(
        "--contract", type=_contract, metavar="FILE", help="the topics that it names (docs/data.md)"
    )
    parser.add_argument("-o", "--output", type=Path, help="default: uio2_<date>_<time>.mcap")
    parser.add_argument("--compression", choices=sorted(COMPRESSIONS), default="zstd")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this long")
    return parser


def _contract(path: str) -> Contract:
    try:
        return read_contract(Path(path))
    except ContractError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _default_path() -> Path:
    return Path(f"uio2_{datetime.now():%Y-%m-%d_%H-%M-%S}.mcap")


def _topics(arguments: argparse.Namespace) -> list[str]:
    """Those that were named, here or in the contract."""
    contract = () if arguments.contract is None else arguments.contract.names
    return [_full(name) for name in (*arguments.topics, *contract)]


def _full(name: str) -> str:
    return name if name.startswith("/") else f"/{name}"
