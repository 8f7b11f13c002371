"""The list of commands: what each is for and where it lives. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subcommand:
    """A command of `./uio2`; its module has `main(argv) -> exit code` unless it is built in."""

    summary: str
    module: str = ""
    needs_setup: bool = True


COMMANDS = {
    "up": Subcommand("run the agent with its camera and microphone nodes", "uio2_ros.cli.up"),
    "serve": Subcommand(
        "answer robots on other machines, and openpi's clients", "uio2_ros.cli.serve"
    ),
    "ask": Subcommand("ask the running agent something", "uio2_ros.cli.ask"),
    "mcp": Subcommand("offer the running robot to an assistant that starts it", "uio2_ros.cli.mcp"),
    "recall": Subcommand("where the running agent has seen things", "uio2_ros.cli.recall"),
    "watch": Subcommand("have the running agent look again and again", "uio2_ros.cli.watch"),
    "snapshot": Subcommand(
        "save the last answer as RViz would show it, without a display", "uio2_ros.cli.snapshot"
    ),
    "view": Subcommand(
        "show a robot, or a recording of it, in Rerun; how to in Foxglove", "uio2_ros.cli.view"
    ),
    "record": Subcommand("record topics to an MCAP file", "uio2_ros.cli.record"),
    "replay": Subcommand(
        "publish a recording or ask its instructions again", "uio2_ros.cli.replay"
    ),
    "convert": Subcommand(
        "turn a checkpoint trained in JAX into one that loads directly", "uio2_ros.cli.convert"
    ),
    "data": Subcommand("write, import, count and show data sets to train on", "uio2_ros.cli.data"),
    "train": Subcommand("train or fine-tune a model", "uio2_ros.cli.train"),
    "test": Subcommand("check style and types and run the tests", "uio2_ros.cli.test"),
    "bench": Subcommand("measure speed and memory against their limits", "uio2_ros.cli.bench"),
    "eval": Subcommand("how well a model does in the simulator, as a report", "uio2_ros.cli.eval"),
    "sbom": Subcommand(
        "write the bill of materials (CycloneDX), or the page of licences", "uio2_ros.cli.sbom"
    ),
    "sros2": Subcommand(
        "write what a running graph may do as an SROS2 policy", "uio2_ros.cli.sros2"
    ),
    "docs": Subcommand(
        "rewrite agent.yaml and the tables of settings; --api DIR: the Python reference",
        "uio2_ros.cli.docs",
    ),
    "doctor": Subcommand(
        "report what works on this machine and how to repair the rest",
        "uio2_ros.cli.doctor",
        needs_setup=False,
    ),
    "env": Subcommand('print the environment for a shell: eval "$(./uio2 env)"'),
}
