"""`./uio2 recall "red mug"`: where the running agent has seen things. The model is not asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.cli.agent_command import add_agent_options, awaited_agent, run_command
from uio2_ros.cli.outcome import Exit
from uio2_ros.client import RememberedObject
from uio2_ros.viewing.remembered_text import remembered_json, sentence


def main(argv: Sequence[str]) -> int:
    """0: known; 1: nothing like it, or the agent's error; 2: no agent, or wrong arguments."""
    return run_command("recall", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    with awaited_agent(arguments) as agent:
        found = agent.recall(
            arguments.query,
            frame_id=arguments.frame,
            max_age_s=arguments.max_age,
            most=arguments.most,
            pictures=arguments.pictures is not None,
        )
    if arguments.json:
        print(json.dumps(list(map(remembered_json, found))))
    else:
        print("\n".join(map(sentence, found)) or "nothing like it is remembered")
    if arguments.pictures is not None:
        _save(found, arguments.pictures)
    return Exit.DONE if found else Exit.FAILED


def _save(found: Sequence[RememberedObject], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        if one.picture:
            path = folder / f"{one.id}_{'_'.join(one.label.split())}.jpg"
            path.write_bytes(one.picture)
            print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./uio2 recall", description=__doc__)
    parser.add_argument(
        "query", nargs="?", default="", help='such as "red mug" or "where is the cup?"; all if none'
    )
    parser.add_argument("--frame", default="", help="of the poses; default: the memory's")
    parser.add_argument("--max-age", type=float, default=0.0, help="seconds since it was seen")
    parser.add_argument("--most", type=int, default=0, help="objects; default: all that match")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the objects")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_agent_options(parser)
    return parser
