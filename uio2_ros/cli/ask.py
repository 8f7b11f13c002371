"""`./uio2 ask "find the cup"`: asks the running agent and shows its answer."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor_msgs.msg import Image

from uio2_ros.cli.agent_command import add_agent_options, awaited_agent, run_command
from uio2_ros.cli.answer_files import save_answer, write_picture
from uio2_ros.cli.answer_progress import progress_line
from uio2_ros.cli.ask_execute import execute
from uio2_ros.cli.outcome import Exit, warn
from uio2_ros.client import AgentAnswer, AgentClient, AgentError, AgentUnavailableError
from uio2_ros.client.pending_answer import OnProgress
from uio2_ros.messages.images import image_to_rgb
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.model.bundle import untaught
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.time import to_s
from uio2_ros.tasks.arguments import Field
from uio2_ros.tasks.registry import TASKS
from uio2_ros.tasks.routing import Suggestion, suggest
from uio2_ros.tasks.task import Task, Use
from uio2_ros.viewing.answer_text import answer_json, findings

DEFAULT_PICTURE = Path("uio2_answer.png")
ASK_AGAIN_PERIOD_S = 0.5
DRAWING_WAIT_S = 3.0
HELP_WIDTH = 79
SYNTHETIC_NOTICE = (
    "SYNTHETIC WEIGHTS: nobody trained this model, the answer means nothing. For a real one start "
    "with\n          ./uio2 up model:=<hub id or directory> tokenizer:=<file>"
)
TIMINGS = ("queue", "preprocess", "encode", "first_token", "decode", "postprocess", "total")


def main(argv: Sequence[str]) -> int:
    """0: answered; 1: the agent's error; 2: no agent, or wrong arguments; 130: interrupted;
    141: nobody reads the output to its end, as in `./uio2 ask ... | head -1`.
    """
    return run_command("ask", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    choice = choose_task(arguments)
    end_s = time.monotonic() + arguments.wait
    with awaited_agent(arguments) as agent:
        return _ask(agent, arguments, choice, end_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 ask",
        description="Ask the running agent.",
        epilog="tasks:\n" + "\n".join(map(_usage, TASKS.values())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("instruction", help='what to ask, such as "find the cup"')
    parser.add_argument(
        "--task",
        help='one of those below, or "" for free form; default: what the sentence suggests',
    )
    for flag, field, settings in FLAGS:
        parser.add_argument(flag, dest=field, **settings)
    parser.add_argument("--timeout", type=float, default=0.0, help="seconds; default: the agent's")
    parser.add_argument("--max-age", type=float, default=0.0, help="of the picture, seconds")
    parser.add_argument("--seed", type=int, default=0, help="other than 0: sample")
    add_agent_options(parser)
    parser.add_argument(
        "--image", type=Path, default=DEFAULT_PICTURE, help="where the picture goes"
    )
    parser.add_argument(
        "--execute", action="store_true", help="have the bridge carry the plan out; Ctrl-C stops"
    )
    parser.add_argument(
        "--after-step",
        action="store_true",
        help="with --execute: a plan under way ends its step before this one takes over",
    )
    parser.add_argument("--bridge", default="bridge", help="name of the bridge's node")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    return parser


def _usage(task: Task) -> str:
    """A task with what it takes, for people."""
    shown = {argument.fills: argument for argument in task.arguments}
    words = [task.name or '""']
    for flag, field in (("", "instruction"), *((flag, field) for flag, field, _ in FLAGS)):
        if field in shown:
            word = f"{flag} {shown[field].name.upper()}".strip()
            words.append(word if shown[field].required else f"[{word}]")
    told = textwrap.fill(
        task.description, HELP_WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
    )
    return f"  {' '.join(words)}\n{told}"


def _region(text: str) -> Box:
    try:
        x1, y1, x2, y2 = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not x1,y1,x2,y2") from None
    return Box(x1, y1, x2, y2)


def choose_task(arguments: argparse.Namespace) -> Suggestion:
    """The task asked for, or the one that the sentence suggests and that takes what was given."""
    whole = arguments.instruction
    if arguments.task is not None:
        return Suggestion(arguments.task, whole, "as asked")
    suggestion = suggest(whole)
    for flag, field, _ in FLAGS:
        if getattr(arguments, field) and TASKS[suggestion.task].use_of(field) is Use.NONE:
            return Suggestion("", whole, f"it comes with {flag}")
    return suggestion


FLAGS: tuple[tuple[str, Field, dict[str, Any]], ...] = (
    (
        "--region",
        "region",
        {"type": _region, "help": "box in pixels: x1,y1,x2,y2; {box} in the instruction"},
    ),
    (
        "--option",
        "options",
        {"action": "append", "default": [], "metavar": "OPTION", "help": "one of several; repeat"},
    ),
    ("--action-space", "action_space", {"default": "", "help": "of the plan"}),
)
"""How the fields of an instruction are given, beside its text."""


def _ask(
    agent: AgentClient, arguments: argparse.Namespace, choice: Suggestion, end_s: float
) -> int:
    with _Drawings(agent) as drawings:
        try:
            with progress_line(sys.stderr) as show_progress:
                result = _answer(agent, arguments, choice, end_s, show_progress)
        except AgentUnavailableError:
            raise
        except AgentError as error:
            _show_error(error, choice, as_json=arguments.json)
            return Exit.FAILED
        drawing = drawings.of(result)
    picture = _save(drawing, arguments.image) if drawing is not None else None
    show = _show_json if arguments.json else _show
    show(result, choice, picture, _save_contents(result, arguments.image))
    if not arguments.execute:
        return Exit.DONE
    return execute(agent, arguments.bridge, result, after_step=arguments.after_step)


def _answer(
    agent: AgentClient,
    arguments: argparse.Namespace,
    choice: Suggestion,
    end_s: float,
    on_progress: OnProgress,
) -> AgentAnswer:
    """The answer; while the model is not ready, asks again until `end_s`."""
    told = ""
    while True:
        try:
            return agent.ask(
                choice.instruction,
                task=choice.task,
                options=arguments.options,
                region=arguments.region,
                action_space=arguments.action_space,
                max_age_s=arguments.max_age,
                timeout_s=arguments.timeout,
                seed=arguments.seed,
                on_progress=on_progress,
            )
        except AgentError as error:
            if error.code is not ErrorCode.MODEL_NOT_READY or time.monotonic() > end_s:
                raise
            if error.message != told:
                told = error.message
                print(f"waiting: {told}", file=sys.stderr)
        time.sleep(ASK_AGAIN_PERIOD_S)


class _Drawings:
    """Keeps the agent's last debug image while it is open."""

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent
        self._arrived = threading.Condition()  # guards the one below
        self._last: Image | None = None

    def __enter__(self) -> _Drawings:
        namespace = self._agent.agent.rpartition("/")[0]
        self._subscription = self._agent.node.create_subscription(
            Image, f"{namespace}/debug_image", self._keep, LATCHED
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._agent.node.destroy_subscription(self._subscription)

    def of(self, result: AgentAnswer) -> Image | None:
        """The drawing of an answer, which comes after it; None if it has no picture."""
        if not result.stamp_ns:
            return None
        with self._arrived:
            self._arrived.wait_for(lambda: self._shows(result), DRAWING_WAIT_S)
            return self._last if self._shows(result) else None

    def _keep(self, drawing: Image) -> None:
        with self._arrived:
            self._last = drawing
            self._arrived.notify_all()

    def _shows(self, result: AgentAnswer) -> bool:
        return self._last is not None and nanoseconds_of(self._last.header.stamp) == result.stamp_ns


def _save(drawing: Image, path: Path) -> Path | None:
    """The path, once written; None, with a message, if it cannot be."""
    try:
        write_picture(path, image_to_rgb(drawing))
    except OSError as error:
        warn("ask", error)
        return None
    return path


def _save_contents(result: AgentAnswer, beside: Path) -> list[Path]:
    """The files of what the model drew or sounded; none, with a message, if it cannot be."""
    try:
        return save_answer(result, beside)
    except OSError as error:
        warn("ask", error)
        return []


def _show(
    result: AgentAnswer, choice: Suggestion, picture: Path | None, files: Sequence[Path]
) -> None:
    print(f"task      {choice.task or 'free form'}: {choice.instruction!r} ({choice.reason})")
    print(f"answer    {result.text or '(nothing)'}")
    for line in findings(result):
        print(f"          {line}")
    for option, score in zip(result.options, result.scores, strict=True):
        print(f"          {score:9.3f}  {option}")
    print(f"model     {result.model}")
    _show_timings(result)
    if picture is not None:
        print(f"picture   {picture}")
    for path in files:
        print(f"file      {path}")
    if result.synthetic_weights:
        print(f"warning   {SYNTHETIC_NOTICE}")
    if warning := untaught(result.model, result.task):
        print(f"warning   {warning}")


def _show_timings(result: AgentAnswer) -> None:
    """A table of milliseconds."""
    timings = result.timings
    print("timings   " + "".join(f"{name:>12}" for name in TIMINGS))
    print("       ms " + "".join(f"{getattr(timings, name) * 1e3:12.1f}" for name in TIMINGS))
    print(f"          {timings.tokens} tokens")


def _show_json(
    result: AgentAnswer, choice: Suggestion, picture: Path | None, files: Sequence[Path]
) -> None:
    answer = {
        "task": choice.task,
        "instruction": choice.instruction,
        **answer_json(result),
        "stamp": to_s(result.stamp_ns),
        "frame_id": result.frame_id,
        "picture": str(picture) if picture is not None else None,
        "files": list(map(str, files)),
    }
    print(json.dumps(answer, indent=2))


def _show_error(error: AgentError, choice: Suggestion, *, as_json: bool) -> None:
    if as_json:
        answer = {
            "error_code": int(error.code),
            "error": error.code.name,
            "error_msg": error.message,
            "task": choice.task,
            "instruction": choice.instruction,
        }
        print(json.dumps(answer, indent=2))
    else:
        warn("ask", error)
