"""`./uio2 snapshot ["find the cup"]`: an answer as RViz would show it, without a display.

The drawing on the camera's picture, and the scene in 3D: markers, camera, frames, grid, depth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.cli.agent_command import add_agent_options, awaited_agent, run_command
from uio2_ros.cli.answer_files import write_picture
from uio2_ros.cli.options import width_and_height
from uio2_ros.cli.outcome import Exit, warn
from uio2_ros.cli.snapshot_sources import NothingToShowError, TopicListener, recorded
from uio2_ros.client import AgentClient
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.tasks.registry import TASKS
from uio2_ros.tasks.routing import suggest
from uio2_ros.viewing.published_answer import PublishedAnswer

DEFAULT_OUTPUT = Path("uio2_snapshot.png")
DEFAULT_SIZE = (1500, 700)
SIDES = range(100, 10_001)
SETTLING_S = 5.0
"""How long intrinsics and transforms are waited for once the answer is there."""
VIEW_NAMES = ("behind", "left", "front", "top")


def main(argv: Sequence[str]) -> int:
    """0: written; 1: no answer, or it cannot be shown; 2: wrong arguments; 130: interrupted."""
    failures = (InvalidInputError, NothingToShowError)
    return run_command("snapshot", lambda: _main(argv), *failures, without_agent=Exit.FAILED)


def _main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    pixels = _render(_heard(arguments), arguments)
    try:
        write_picture(arguments.output, pixels)
    except OSError as error:
        raise NothingToShowError(str(error)) from error
    print(arguments.output)
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 snapshot", description="The last answer, or that to an instruction, as a PNG."
    )
    parser.add_argument("instruction", nargs="?", help="asked first; else the last answer is shown")
    parser.add_argument("--task", help="as in ./uio2 ask; chosen by the sentence if not given")
    parser.add_argument("--action-space", default="", help="of a plan; default: the task's")
    parser.add_argument(
        "--timeout", type=float, default=0.0, help="of the answer, seconds; default: the agent's"
    )
    parser.add_argument("--recording", type=Path, help="an MCAP file instead of a running agent")
    parser.add_argument("--until", type=float, help="seconds of the recording to look at")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="a .png or .jpg file")
    parser.add_argument("--size", type=_size, default=DEFAULT_SIZE, help="WIDTHxHEIGHT in pixels")
    parser.add_argument(
        "--view",
        type=_view,
        default="behind",
        help=f"{', '.join(VIEW_NAMES)}, or ELEVATION,AZIMUTH in degrees (azimuth 0: from x)",
    )
    parser.add_argument("--frame", default="", help="fixed frame; default: base_link if known")
    add_agent_options(parser)
    return parser


def _size(text: str) -> tuple[int, int]:
    width, height = width_and_height(text)
    if width not in SIDES or height not in SIDES:
        raise argparse.ArgumentTypeError(
            f"{text} is out of bounds; give {SIDES.start} to {SIDES.stop - 1} pixels a side"
        )
    return width, height


def _view(text: str) -> str | tuple[float, float]:
    """A name, or degrees above the horizon and about z."""
    if text in VIEW_NAMES:
        return text
    try:
        elevation, azimuth = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither {', '.join(VIEW_NAMES)} nor ELEVATION,AZIMUTH such as 30,-150"
        ) from None
    return elevation, azimuth


def _heard(arguments: argparse.Namespace) -> PublishedAnswer:
    if arguments.recording is not None:
        return recorded(arguments.recording, arguments.namespace, arguments.until)
    end_s = time.monotonic() + arguments.wait
    with awaited_agent(arguments) as agent:
        listener = TopicListener(agent)
        stamp = _ask(agent, arguments) if arguments.instruction else None
        return _shown(listener, stamp, end_s, arguments.wait)


def _ask(agent: AgentClient, arguments: argparse.Namespace) -> int:
    """Asks, and gives the stamp of the picture that the answer is about."""
    task, instruction = arguments.task, arguments.instruction
    if task is None:
        suggestion = suggest(instruction)
        task, instruction = suggestion.task, suggestion.instruction
    if task not in TASKS:
        raise NothingToShowError(f"there is no task {task!r}; see ./uio2 ask --help")
    answer = agent.ask(
        instruction, task=task, action_space=arguments.action_space, timeout_s=arguments.timeout
    )
    if not answer.stamp_ns:
        raise NothingToShowError(
            f"the answer is about no picture, so there is nothing to show: {answer.text!r}"
        )
    return int(answer.stamp_ns)


def _shown(
    listener: TopicListener, stamp_ns: int | None, end_s: float, wait_s: float
) -> PublishedAnswer:
    """What is shown of the answer about the picture of `stamp_ns`, or of the last one."""

    def is_whole(heard: PublishedAnswer) -> bool:
        return heard.drawn == heard.marked is not None and stamp_ns in (None, heard.marked)

    heard = listener.when(is_whole, max(1.0, end_s - time.monotonic()))
    if heard is None:
        raise NothingToShowError(
            f"no answer with a picture within {wait_s:g} s: markers and debug_image are silent. "
            'Give an instruction, as in ./uio2 snapshot "find the cup"; if you did, is the '
            "agent's parameter debug_image false?"
        )
    if listener.when(lambda heard: heard.has_camera and heard.is_connected, SETTLING_S) is None:
        warn("snapshot", _missing(heard))
    return heard


def _missing(heard: PublishedAnswer) -> str:
    if not heard.has_camera:
        return "camera_info is silent: the camera's view is not shown"
    return "TF does not connect all frames: what lies in others stands in a scene of its own"


def _render(heard: PublishedAnswer, arguments: argparse.Namespace) -> npt.NDArray[np.uint8]:
    try:
        from uio2_ros.viewing.scene_plot import VIEWS, View, render
    except ImportError as error:
        raise NothingToShowError(
            f"matplotlib is missing ({error}); install it: pip install 'matplotlib>=3.8,<4'"
        ) from error
    chosen: Any = arguments.view
    view = VIEWS[chosen] if isinstance(chosen, str) else View(*chosen)
    return render(heard.drawing(), heard.scenes(arguments.frame), arguments.size, view)
