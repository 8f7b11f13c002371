"""`./uio2 view [RECORDING] --rerun`: what a robot sees and answers in Rerun, or how in Foxglove."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uio2_ros.bringup import config_folder
from uio2_ros.cli.options import rate
from uio2_ros.cli.outcome import Exit, ended, warn
from uio2_ros.data.shards import DataSetError
from uio2_ros.recording.failures import RecordingError
from uio2_ros.robot.errors import InvalidInputError

if TYPE_CHECKING:
    from uio2_ros.recording.recorded import Topic
    from uio2_ros.recording.rerun_view import RerunView, Viewed

PICTURE_RATE_HZ = 10.0
REQUIREMENT = "rerun-sdk>=0.41,<0.42"
FOXGLOVE = """\
In Foxglove: open {what}, then import the layout
  {layout}
In Rerun: ./uio2 view {recording}--rerun"""
BRIDGE = "a connection to foxglove_bridge (ros2 launch foxglove_bridge foxglove_bridge_launch.xml)"


def main(argv: Sequence[str]) -> int:
    """0: shown; 1: it cannot be shown; 2: wrong arguments."""
    arguments = _parser().parse_args(argv)
    if not arguments.rerun:
        recording = f"{arguments.recording} " if arguments.recording else ""
        layout = config_folder() / "foxglove_layout.json"
        what = arguments.recording or BRIDGE
        print(FOXGLOVE.format(what=what, layout=layout, recording=recording))
        return Exit.DONE
    if importlib.util.find_spec("rerun") is None:
        return ended("view", f"Rerun is missing: pip install '{REQUIREMENT}'", Exit.FAILED)
    try:
        if arguments.recording is not None:
            return _show_recording(arguments)
        return _show_graph(arguments)
    except (RecordingError, DataSetError, InvalidInputError) as error:
        return ended("view", error, Exit.WRONG)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 view", description="Show a robot, or a recording of it, in Rerun or Foxglove."
    )
    parser.add_argument("recording", nargs="?", type=Path, help="default: what runs now")
    parser.add_argument("--rerun", action="store_true", help="in Rerun; else: how in Foxglove")
    parser.add_argument("--save", type=Path, metavar="FILE.rrd", help="instead of a viewer")
    parser.add_argument(
        "--connect",
        metavar="URL",
        help="of a viewer that runs, such as rerun+http://host:9876/proxy",
    )
    parser.add_argument("--rate", type=rate, default=PICTURE_RATE_HZ, help="pictures a second")
    parser.add_argument("--frame", default="base_link", help="in which all is shown")
    parser.add_argument("--image", default="image", help="topic of the pictures")
    parser.add_argument("--camera-info", default="camera_info", help="topic of the intrinsics")
    parser.add_argument("--namespace", default="", help="of the agent")
    parser.add_argument("--name", default="agent", help="of the agent's node")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this long")
    return parser


def _topics(arguments: argparse.Namespace) -> Mapping[str, Viewed]:
    from uio2_ros.recording.rerun_view import shown_topics

    prefix = f"/{arguments.namespace.strip('/')}".rstrip("/")
    names = (arguments.image, arguments.camera_info, arguments.name)
    return shown_topics(*(_full(prefix, name) for name in names))


def _full(prefix: str, name: str) -> str:
    return name if name.startswith("/") else f"{prefix}/{name}"


def _view(arguments: argparse.Namespace) -> RerunView:
    import rerun

    from uio2_ros.recording.rerun_view import APPLICATION, RerunView

    output = rerun.RecordingStream(APPLICATION)
    if arguments.save:
        output.save(arguments.save)
    elif arguments.connect:
        output.connect_grpc(arguments.connect)
    else:
        output.spawn()
    return RerunView(output, arguments.frame, 1 / arguments.rate)


def _show_recording(arguments: argparse.Namespace) -> int:
    from uio2_ros.recording.recording_file import Recording
    from uio2_ros.recording.rerun_view import Viewed
    from uio2_ros.recording.to_samples import decoded_messages

    recording = Recording(arguments.recording)
    topics = _topics(arguments)
    there = set(recording.topics()) & set(topics)
    if all(topics[name] is Viewed.TRANSFORMS for name in there):
        raise RecordingError(
            f"{arguments.recording} has none of {', '.join(topics)}; give --image, --namespace or "
            f"--name; it has {', '.join(recording.topics())}"
        )
    view = _view(arguments)
    for message, decoded in decoded_messages(recording, there):
        shown = topics[message.topic.name]
        if view.is_due(shown, message.time_ns):
            view.take(shown, message.topic.type_name, decoded, message.time_ns)
    view.close()
    return Exit.DONE


class _GraphSink:
    """Shows what a recorder hears; what cannot be shown is said once."""

    def __init__(self, view: RerunView, shown: Mapping[str, Viewed]) -> None:
        self._view = view
        self._shown = shown
        self._types: dict[str, tuple[str, Any]] = {}
        self._problems: set[str] = set()

    def add_topic(self, topic: Topic) -> None:
        from uio2_ros.recording.recorder import message_class

        self._types[topic.name] = (topic.type_name, message_class(topic.type_name))

    def add(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        from uio2_ros.messages.serialised import deserialised

        del published_ns
        shown, (type_name, kind) = self._shown[topic], self._types[topic]
        if not self._view.is_due(shown, received_ns):
            return
        try:
            self._view.take(shown, type_name, deserialised(data, kind), received_ns)
        except InvalidInputError as error:
            if topic not in self._problems:
                warn("view", f"{topic}: {error}")
            self._problems.add(topic)

    def add_note(self, name: str, values: Mapping[str, str]) -> None:
        """Notes are for recordings."""

    def flush(self) -> None:
        """The viewer has what it was sent."""


def _show_graph(arguments: argparse.Namespace) -> int:
    from uio2_ros.cli.command_node import command_node, turns
    from uio2_ros.processes.supervision import stop_on_signals
    from uio2_ros.recording.recorder import Recorder

    stop = stop_on_signals()
    view, topics = _view(arguments), _topics(arguments)
    with command_node("view") as node:
        recorder = Recorder(node, _GraphSink(view, topics), tuple(topics), lambda _: stop.set())
        print(f"showing {', '.join(topics)}; Ctrl-C ends it", file=sys.stderr)
        try:
            for _ in turns(node, stop, arguments.seconds):
                pass
        finally:
            recorder.close()
            view.close()
    return Exit.DONE
