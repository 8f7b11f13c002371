"""`./uio2 watch "red mug" --until seen`: a standing instruction, its answers as they come."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence

from uio2_ros.cli.agent_command import add_agent_options, awaited_agent, run_command
from uio2_ros.cli.ask import FLAGS, choose_task
from uio2_ros.cli.outcome import Exit
from uio2_ros.client import AgentAnswer, Until
from uio2_ros.robot.time import to_s
from uio2_ros.viewing.answer_text import answer_json, findings

UNTIL = {one.name.lower(): one for one in Until}


def main(argv: Sequence[str]) -> int:
    """0: what it waited for came, or the time it was to last is over; 1: the agent's error, which
    TIMEOUT is; 2: no agent, or wrong arguments; 130: interrupted; 141: nobody reads on.
    """
    return run_command("watch", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    choice = choose_task(arguments)
    is_noun = not choice.task and arguments.task is None
    task = "localize" if is_noun and arguments.until in ("seen", "gone") else choice.task
    shown = _Shown(as_json=arguments.json)
    with awaited_agent(arguments) as agent:
        try:
            agent.watch(
                choice.instruction,
                task=task,
                options=arguments.options,
                region=arguments.region,
                action_space=arguments.action_space,
                rate_hz=arguments.rate,
                until=UNTIL[arguments.until],
                until_text=arguments.until_text,
                least_score=arguments.least_score,
                in_a_row=arguments.in_a_row,
                for_at_most_s=arguments.for_at_most,
                on_answer=shown.show,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"ended after {shown.answers} answers") from None
    return Exit.DONE


class _Shown:
    """Prints answers, a line each or more."""

    def __init__(self, *, as_json: bool) -> None:
        self.answers = 0
        self._as_json = as_json
        self._began_s = time.monotonic()

    def show(self, answer: AgentAnswer) -> None:
        """On the client's thread."""
        self.answers += 1
        if self._as_json:
            told = {**answer_json(answer), "stamp": to_s(answer.stamp_ns)}
            print(json.dumps(told), flush=True)
            return
        lines = findings(answer) or [answer.text or "nothing"]
        for number, line in enumerate(lines):
            when = f"{time.monotonic() - self._began_s:8.2f} s" if not number else " " * 10
            print(f"{when}  {line}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 watch",
        description="Have the running agent look again and again; Ctrl-C ends it.",
    )
    parser.add_argument("instruction", help='what to look for or to ask, such as "red mug"')
    parser.add_argument(
        "--task",
        help="one of ./uio2 ask --help; default: what the sentence suggests, and localize for "
        "things that are to be seen or gone",
    )
    for flag, field, settings in FLAGS:
        parser.add_argument(flag, dest=field, **settings)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="answers per second; default: every picture"
    )
    parser.add_argument("--until", choices=list(UNTIL), default="forever", help="what ends it")
    parser.add_argument("--until-text", default="", help="the label or answer that counts")
    parser.add_argument("--least-score", type=float, default=0.0, help="of objects that count")
    parser.add_argument("--in-a-row", type=int, default=1, help="answers in which it must be so")
    parser.add_argument(
        "--for", dest="for_at_most", type=float, default=math.inf, help="seconds at most"
    )
    add_agent_options(parser)
    parser.add_argument("--json", action="store_true", help="print each answer as a line of JSON")
    return parser
