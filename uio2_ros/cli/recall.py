"""`./uio2 recall "red mug"`: where the running agent has seen things. The model is not asked."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.client import AgentClient, AgentError, AgentUnavailableError, RememberedObject
from uio2_ros.viewing.remembered_text import remembered_json, sentence

EXIT_KNOWN, EXIT_UNKNOWN, EXIT_NO_AGENT, EXIT_INTERRUPTED = 0, 1, 2, 130
WAIT_S = 20.0


def main(argv: Sequence[str]) -> int:
    """0: known; 1: nothing like it, or the agent's error; 2: no agent, or wrong arguments."""
    arguments = _parser().parse_args(argv)
    try:
        with AgentClient(
            name=arguments.name, namespace=arguments.namespace, discovery_s=arguments.wait
        ) as agent:
            agent.wait_for_agent(arguments.wait)
            found = agent.recall(
                arguments.query,
                frame_id=arguments.frame,
                max_age_s=arguments.max_age,
                most=arguments.most,
                pictures=arguments.pictures is not None,
            )
    except AgentUnavailableError as error:
        print(f"uio2 recall: {error}", file=sys.stderr)
        return EXIT_NO_AGENT
    except AgentError as error:
        print(f"uio2 recall: {error}", file=sys.stderr)
        return EXIT_UNKNOWN
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if arguments.json:
        print(json.dumps(list(map(remembered_json, found))))
    else:
        print("\n".join(map(sentence, found)) or "nothing like it is remembered")
    if arguments.pictures is not None:
        _save(found, arguments.pictures)
    return EXIT_KNOWN if found else EXIT_UNKNOWN


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
    parser.add_argument("--namespace", default="", help="of the agent")
    parser.add_argument("--name", default="agent", help="of the agent's node")
    parser.add_argument("--wait", type=float, default=WAIT_S, help="seconds to wait for the agent")
    return parser
