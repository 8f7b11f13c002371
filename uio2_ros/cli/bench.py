"""`./uio2 bench SUITE`: measurements against their limits."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

SUITES = {
    "ros": "uio2_ros.cli.bench_ros",
    "model": "uio2_ros.cli.bench_model",
    "answers": "uio2_ros.cli.bench_answers",
    "training": "uio2_ros.cli.bench_training",
    "load": "uio2_ros.cli.bench_load",
    "decoding": "uio2_ros.cli.bench_decoding",
    "sim": "uio2_ros.cli.bench_sim",
    "fuzz": "uio2_ros.cli.bench_fuzz",
    "faults": "uio2_ros.cli.bench_faults",
    "soak": "uio2_ros.cli.bench_soak",
    "lifecycle": "uio2_ros.cli.bench_lifecycle",
    "watch": "uio2_ros.cli.bench_watch",
    "tracks": "uio2_ros.cli.bench_tracks",
    "reinstruct": "uio2_ros.cli.bench_reinstruct",
    "fleet": "uio2_ros.cli.bench_fleet",
    "remote": "uio2_ros.cli.bench_remote",
    "scene": "uio2_ros.cli.bench_scene",
    "recall": "uio2_ros.cli.bench_recall",
}
USAGE = f"""\
usage: ./uio2 bench {{{",".join(SUITES)}}} [OPTION ...]

  ros       the agent over real DDS: callbacks, lost pictures, service overhead, memory
  model     one instruction on any model: each stage against the ceilings of the device
  answers   whole answers of a small model: a new picture, the same again, many at once
  training  steps of the optimiser against the products the device can do
  load      a checkpoint: loading time against reading the file, memory against its weights
  decoding  every grammar's cost per token against one step of the decoder
  sim       the simulator's node: pictures in real time while the arm works
  fuzz      everything that reads bytes from elsewhere, with bytes that are nearly right
  faults    killed, stopped, starved, corrupt, full, lost: what is seen, and how soon all is well
  soak      hours of pictures and instructions: callbacks, memory, lost pictures, restarts
  lifecycle configure, activate, deactivate, clean up, a thousand times: what remains
  watch     standing instructions for minutes: rates, memory, what who asks once waits
  tracks    whether objects keep their ids over sequences in the simulator
  reinstruct  another instruction while the robot moves, against stop-and-ask
  fleet     many robots on one server: throughput against one alone, latencies, killed servers
  scene     whether the gate sees that somebody reached in, and when it is wrong
  remote    a model behind a connection against one here: first token, answer, bytes sent
  recall    where the world memory says things are, against the simulator

./uio2 bench SUITE --help explains its options. Exit code 1 if a limit is exceeded.
"""


def main(argv: Sequence[str]) -> int:
    if argv and argv[0] in SUITES:
        module = importlib.import_module(SUITES[argv[0]])
        code: int = module.main(list(argv[1:]))
        return code
    asked = bool(argv) and argv[0] in ("-h", "--help")
    print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2
