"""`./uio2 replay file.mcap`: publishes a recording, or asks its instructions again."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.cli.command_node import command_node
from uio2_ros.cli.options import rate
from uio2_ros.cli.outcome import Exit, ended, warn
from uio2_ros.processes.supervision import stop_on_signals
from uio2_ros.recording.agent_notes import NOTE, spec_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.player import Player
from uio2_ros.recording.recording_file import Recording

DISCOVERY_S = 2.0
"""How long listeners are waited for before the first message."""
SETTLING_S = 0.3
"""A writer may know its reader before the reader knows it; best effort is lost until then."""
DELIVERY_S = 2.0
LOOK_PERIOD_S = 0.05
CHOICES = ("model", "tokenizer", "device", "dtype")


def main(argv: Sequence[str]) -> int:
    """0: played, or all answers the same; 1: other answers; 2: wrong file; 130: interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        recording = Recording(arguments.file)
        if arguments.verify:
            return _verify(recording, arguments)
        return _play(recording, arguments, stop_on_signals())
    except RecordingError as error:
        return ended("replay", error, Exit.WRONG)


def _play(recording: Recording, arguments: argparse.Namespace, stop: threading.Event) -> int:
    with command_node("player") as node:
        player = Player(node, recording, arguments.topics, clock=arguments.clock)
        for warning in player.warnings:
            warn("replay", warning)
        print(f"playing {', '.join(player.topics)}", file=sys.stderr)
        _await_listeners(player, stop)
        went_on = True
        while went_on:
            went_on = player.play(arguments.rate, stop.is_set) and arguments.loop
        player.wait_for_delivery(DELIVERY_S)
    if not recording.is_complete and not stop.is_set():
        warn("replay", f"{recording.path} ends early: its recorder died")
    print(f"{player.published} messages of {len(player.topics)} topics")
    return Exit.INTERRUPTED if stop.is_set() else Exit.DONE


def _verify(recording: Recording, arguments: argparse.Namespace) -> int:
    from uio2_ros.recording.verification import Verdict, verify
    from uio2_ros.serving import InProcess

    chosen = {name: getattr(arguments, name) for name in CHOICES}
    spec = spec_of(recording.notes.get(NOTE, {}), chosen)
    print(f"asking {spec.model} again", file=sys.stderr)
    counts = dict.fromkeys(Verdict, 0)
    with InProcess.of(spec) as answerer:
        for comparison in verify(recording, answerer):
            counts[comparison.verdict] += 1
            asked = comparison.asked
            reason = f" ({comparison.reason})" if comparison.reason else ""
            task = asked.task or "free form"
            print(f"{comparison.verdict.value}{reason}: {task}: {asked.instruction!r}")
    print(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count))
    failed = counts[Verdict.DIFFERENT] or not sum(counts.values()) - counts[Verdict.SKIPPED]
    return Exit.FAILED if failed else Exit.DONE


def _await_listeners(player: Player, stop: threading.Event) -> None:
    end_s = time.monotonic() + DISCOVERY_S
    while not player.has_listeners() and time.monotonic() < end_s and not stop.is_set():
        time.sleep(LOOK_PERIOD_S)
    time.sleep(SETTLING_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./uio2 replay", description="Publish a recording.")
    parser.add_argument("file", type=Path)
    parser.add_argument("topics", nargs="*", help="full names; default: all that are recorded")
    parser.add_argument("--rate", type=rate, default=1.0, help="2: twice as fast")
    parser.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument("--clock", action="store_true", help="publish /clock from recorded times")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="no topics: ask the recorded instructions again and compare the answers",
    )
    for name in CHOICES:
        parser.add_argument(f"--{name}", help="with --verify; default: that of the recorded agent")
    return parser
