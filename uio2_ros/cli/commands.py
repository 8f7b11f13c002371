"""The commands, what each is for, and how one is found. Standard library only."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

COMMANDS = {
    "up": "run the agent with its camera and microphone nodes",
    "serve": "answer robots on other machines, and openpi's clients",
    "ask": "ask the running agent something",
    "mcp": "offer the running robot to an assistant that starts it",
    "recall": "where the running agent has seen things",
    "watch": "have the running agent look again and again",
    "snapshot": "save the last answer as RViz would show it, without a display",
    "view": "show a robot, or a recording of it, in Rerun; how to in Foxglove",
    "record": "record topics to an MCAP file",
    "replay": "publish a recording or ask its instructions again",
    "convert": "turn a checkpoint trained in JAX into one that loads directly",
    "data": "write, import, count and show data sets to train on",
    "train": "train or fine-tune a model",
    "test": "check style and types and run the tests",
    "bench": "measure speed and memory; exit code 1 if a limit is exceeded",
    "eval": "how well a model does in the simulator, as a report",
    "sbom": "write the bill of materials (CycloneDX), or the page of licences",
    "sros2": "write what a running graph may do as an SROS2 policy",
    "docs": "rewrite agent.yaml and the tables of settings; --api DIR: the Python reference",
    "doctor": "report what works on this machine and how to repair the rest",
    "env": 'print the environment for a shell: eval "$(./uio2 env)"',
}
"""What each is for; `uio2_ros.cli.<name>` has `main(argv) -> exit code`, but of `env`."""
BUILT_IN = "env"
WITHOUT_SETUP = "doctor"


def listed(commands: Mapping[str, str]) -> str:
    """A line for each, with what it is for."""
    width = max(map(len, commands))
    return "\n".join(f"  {name:{width}} {summary}" for name, summary in commands.items())


def run_module(name: str, argv: Sequence[str]) -> int:
    """The exit code of `main` in a module of `uio2_ros.cli`."""
    code: int = importlib.import_module(f"uio2_ros.cli.{name}").main(list(argv))
    return code


def run_action(command: str, actions: Mapping[str, str], argv: Sequence[str]) -> int:
    """Runs the action of a command that the first word names, in `uio2_ros.cli.<command>_<action>`.

    Who names none is told which there are: exit code 2, or 0 for who asked.
    """
    if argv and argv[0] in actions:
        return run_module(f"{command}_{argv[0]}", argv[1:])
    asked = bool(argv) and argv[0] in ("-h", "--help")
    print(
        f"usage: ./uio2 {command} {{{','.join(actions)}}} [OPTION ...]\n\n{listed(actions)}\n\n"
        f"./uio2 {command} NAME --help explains its options.",
        file=sys.stdout if asked else sys.stderr,
    )
    return 0 if asked else 2
