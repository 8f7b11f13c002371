"""The list of commands: what each is for and where it lives. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command of `./uio2`; its module has `main(argv) -> exit code` unless it is built in."""

    summary: str
    module: str = ""
    needs_setup: bool = True


COMMANDS = {
    "up": Command("run the agent with its camera and microphone nodes", "uio2_ros.cli.up"),
    "ask": Command("ask the running agent something", "uio2_ros.cli.ask"),
    "snapshot": Command(
        "save the last answer as RViz would show it, without a display", "uio2_ros.cli.snapshot"
    ),
    "record": Command("record topics to an MCAP file", "uio2_ros.cli.record"),
    "replay": Command("publish a recording, or ask its instructions again", "uio2_ros.cli.replay"),
    "convert": Command(
        "turn a checkpoint trained in JAX into one that loads directly", "uio2_ros.cli.convert"
    ),
    "data": Command("write, import, count and show data sets to train on", "uio2_ros.cli.data"),
    "train": Command("train or fine-tune a model", "uio2_ros.cli.train"),
    "test": Command("check style and types and run the tests", "uio2_ros.cli.test"),
    "bench": Command("measure speed and memory against their limits", "uio2_ros.cli.bench"),
    "eval": Command("how well a model does in the simulator, as a report", "uio2_ros.cli.eval"),
    "docs": Command(
        "rewrite agent.yaml and the tables of settings; --api DIR: the Python reference",
        "uio2_ros.cli.docs",
    ),
    "doctor": Command(
        "report what works on this machine and how to repair the rest",
        "uio2_ros.cli.doctor",
        needs_setup=False,
    ),
    "env": Command('print the environment for a shell: eval "$(./uio2 env)"'),
}
