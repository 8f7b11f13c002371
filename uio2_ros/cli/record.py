"""`./uio2 record [-o file.mcap] [topic ...]`: records topics until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from uio2_ros.processes.supervision import stop_on_signals
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorder import Recorder
from uio2_ros.recording.recording_writer import COMPRESSIONS, RecordingWriter
from uio2_ros.robot.contract import Contract, ContractError, read_contract

SPIN_S = 0.1
MIB = 2**20


def main(argv: Sequence[str]) -> int:
    """0: recorded; 1: the file could not be written to its end; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    stop = stop_on_signals()
    try:
        writer = RecordingWriter(arguments.output or _default_path(), arguments.compression)
    except RecordingError as error:
        print(f"uio2 record: {error}", file=sys.stderr)
        return 2
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _record(context, writer, arguments, stop)
    finally:
        context.try_shutdown()


def _record(
    context: rclpy.Context,
    writer: RecordingWriter,
    arguments: argparse.Namespace,
    stop: threading.Event,
) -> int:
    failures: list[RecordingError] = []

    def fail(error: RecordingError) -> None:
        failures.append(error)
        stop.set()

    node = rclpy.create_node("recorder", context=context, start_parameter_services=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    recorder = Recorder(node, writer, _topics(arguments), fail)
    print(f"recording to {writer.path}; Ctrl-C ends it", file=sys.stderr)
    _spin(executor, writer, recorder, stop, arguments.seconds)
    recorder.close()
    node.destroy_node()
    try:
        writer.close()
    except RecordingError as error:
        failures.append(error)
    _report(writer, recorder, failures)
    return 1 if failures else 0


def _spin(
    executor: SingleThreadedExecutor,
    writer: RecordingWriter,
    recorder: Recorder,
    stop: threading.Event,
    seconds: float,
) -> None:
    began_s = time.monotonic()
    with tqdm(unit=" messages", disable=None) as bar:
        while not stop.is_set() and not (seconds and time.monotonic() - began_s >= seconds):
            executor.spin_once(timeout_sec=SPIN_S)
            size = writer.size_bytes / MIB
            bar.set_postfix_str(f"{len(recorder.topics)} topics, {size:.1f} MiB", refresh=False)
            bar.update(writer.messages - bar.n)


def _report(
    writer: RecordingWriter, recorder: Recorder, failures: Sequence[RecordingError]
) -> None:
    for name, problem in sorted(recorder.problems.items()):
        print(f"uio2 record: {name} was left out: {problem}", file=sys.stderr)
    for name in recorder.missing():
        print(f"uio2 record: nobody published {name}", file=sys.stderr)
    for error in failures[:1]:  # what follows the first failure is its consequence
        print(f"uio2 record: {error}", file=sys.stderr)
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
