"""`./uio2 bench SUITE`: measurements against their limits."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.cli.commands import run_action

SUITES = {
    "ros": "the agent over real DDS: callbacks, lost pictures, service overhead, memory",
    "model": "one instruction on any model: each stage against the ceilings of the device",
    "answers": "whole answers of a small model: a new picture, the same again, many at once",
    "training": "steps of the optimiser against the products the device can do",
    "load": "a checkpoint: loading time against reading the file, memory against its weights",
    "decoding": "every grammar's cost per token against one step of the decoder",
    "sim": "the simulator's node: pictures in real time while the arm works",
    "fuzz": "everything that reads bytes from elsewhere, with bytes that are nearly right",
    "faults": "killed, stopped, starved, corrupt, full, lost: what is seen, how soon all is well",
    "soak": "hours of pictures and instructions: callbacks, memory, lost pictures, restarts",
    "lifecycle": "configure, activate, deactivate, clean up, a thousand times: what remains",
    "watch": "standing instructions for minutes: rates, memory, what who asks once waits",
    "tracks": "whether objects keep their ids over sequences in the simulator",
    "reinstruct": "another instruction while the robot moves, against stop-and-ask",
    "fleet": "many robots on one server: throughput against one alone, latencies, killed servers",
    "scene": "whether the gate sees that somebody reached in, and when it is wrong",
    "remote": "a model behind a connection against one here: first token, answer, bytes sent",
    "recall": "where the world memory says things are, against the simulator",
}


def main(argv: Sequence[str]) -> int:
    """1 if a limit is exceeded."""
    return run_action("bench", SUITES, argv)
