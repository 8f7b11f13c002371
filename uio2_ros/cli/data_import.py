"""`./uio2 data import lerobot SRC DIR` and `./uio2 data import recording FILE ... DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uio2_ros.cli.data_write import write_and_report
from uio2_ros.cli.options import add_options, at_least_one
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.data.import_settings import ImportSettings, RecordingSettings
from uio2_ros.data.sample import SampleHistory
from uio2_ros.data.sample_files import Storage
from uio2_ros.data.shards import DESCRIPTION, DataSet, DataSetError, WritingError
from uio2_ros.data.writing import Amount, ShardSource
from uio2_ros.recording.failures import RecordingError
from uio2_ros.robot.action_space import (
    ActionSpace,
    ActionSpaceError,
    load_action_spaces,
    read_action_space,
)
from uio2_ros.robot.contract import (
    ACTION,
    AUDIO,
    CAMERA_INFO,
    TASK,
    Contract,
    read_contract,
)

EPISODES_PER_SHARD = 8


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    space = action_space_of(asked.action_space)
    try:
        source, shards = _lerobot(asked, space) if asked.kind == "lerobot" else _files(asked, space)
    except ValueError as problem:
        return ended("data import", problem, Exit.FAILED)
    storage = Storage(asked.jpeg_quality)
    is_new = not (asked.folder / DESCRIPTION).exists()
    data = DataSet.create(asked.folder, _record(asked, space, storage))
    try:
        write_and_report(data, source, Amount(shards=shards), asked.workers, storage)
    except WritingError:
        raise
    except (DataSetError, RecordingError):
        if is_new:  # what was asked for cannot be had; nothing shall be in the way of what is next
            data.discard()
        raise
    return 0


def _lerobot(asked: argparse.Namespace, space: ActionSpace) -> tuple[ShardSource, int]:
    from uio2_ros.data.lerobot import LeRobotShards
    from uio2_ros.data.lerobot_files import LeRobotDataSet

    settings = ImportSettings(
        action_space=space,
        camera=asked.camera,
        history_frames=asked.history_frames,
        history_period_s=asked.history_period,
        stride=asked.stride,
        instruction=asked.instruction,
        tolerance_s=asked.tolerance,
    )
    count = len(LeRobotDataSet(asked.source, asked.camera).episodes)
    source = LeRobotShards(asked.source, settings, EPISODES_PER_SHARD)
    return source, -(-count // EPISODES_PER_SHARD)


def _files(asked: argparse.Namespace, space: ActionSpace) -> tuple[ShardSource, int]:
    from uio2_ros.recording.to_samples import RecordingShards

    settings = RecordingSettings(
        action_space=space,
        instruction=asked.instruction,
        picture_topic=asked.image,
        action_topic=asked.actions,
        audio_topic=asked.audio,
        camera_topic=asked.camera_info,
        words_topic=asked.words,
        period_s=asked.period,
        history_frames=asked.history_frames,
        history_period_s=asked.history_period,
    )
    return RecordingShards(tuple(asked.source), settings), len(asked.source)


def action_space_of(name_or_file: str) -> ActionSpace:
    """A space of config/action_spaces by its name, or one of a file. ActionSpaceError."""
    if name_or_file.endswith((".yaml", ".yml")):
        return read_action_space(Path(name_or_file))
    spaces = load_action_spaces()
    if name_or_file not in spaces:
        raise ActionSpaceError(
            f"no action space is called {name_or_file!r}; give a .yaml file or one of "
            f"{', '.join(spaces)}"
        )
    return spaces[name_or_file]


def _record(asked: argparse.Namespace, space: ActionSpace, storage: Storage) -> dict[str, Any]:
    """What `dataset.json` says: all that the content of a shard depends on."""
    chosen = {
        name: value
        for name, value in vars(asked).items()
        if name
        not in ("folder", "workers", "kind", "source", "action_space", "jpeg_quality", "contract")
    }
    sources = asked.source if isinstance(asked.source, list) else [asked.source]
    return {
        "source": asked.kind,
        "from": [path.name for path in sources],
        "action_space": space.name,
        "chunk": space.chunk,
        "rate_hz": space.rate_hz,
        **chosen,
        "jpeg_quality": storage.jpeg_quality or None,
    }


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./uio2 data import",
        description="Make a data set of recorded actions: task act, one sample per picture.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    lerobot = kinds.add_parser("lerobot", help="a LeRobot data set, version 2 or 3")
    lerobot.add_argument("source", type=Path, metavar="SRC", help="its folder")
    lerobot.add_argument("--camera", default="", help="default: the only one")
    lerobot.add_argument("--instruction", default="", help="of episodes that have none")
    add_options(lerobot, ImportSettings, "tolerance", "stride")
    recording = kinds.add_parser("recording", help="recordings of ROS 2 topics, a shard each")
    recording.add_argument("source", type=Path, nargs="+", metavar="FILE", help="MCAP, .db3 or bag")
    recording.add_argument("--instruction", default="", help="what was done; default: a String")
    for name, what in (
        ("image", "picture"),
        ("actions", "JointState or Twist"),
        ("audio", "sound"),
        ("camera-info", "CameraInfo"),
        ("words", "String"),
    ):
        recording.add_argument(f"--{name}", default="", help=f"{what} topic; default: the only one")
    add_options(recording, RecordingSettings, "period")
    for kind in (lerobot, recording):
        kind.add_argument("folder", type=Path, metavar="DIR", help="of the new data set")
        kind.add_argument("--action-space", default="", help="name, or .yaml file")
        add_options(kind, SampleHistory, "history_frames", "history_period")
        add_options(kind, Storage, "jpeg_quality")
        kind.add_argument("--workers", type=at_least_one, default=1, help="processes (default: 1)")
    recording.add_argument(
        "--contract", type=Path, metavar="FILE", help="says the topics and the action space"
    )
    asked = parser.parse_args(list(argv))
    if getattr(asked, "contract", None) is not None:
        _fill_in(asked, read_contract(asked.contract))
    if not asked.action_space:
        parser.error("give an --action-space, or a --contract that names one")
    return asked


def _fill_in(asked: argparse.Namespace, contract: Contract) -> None:
    """What was not given, from the contract, whose path is no part of what is made."""
    told = {
        "action_space": contract.action_space,
        "image": contract.topic(contract.picture_key),
        "actions": contract.topic(ACTION),
        "audio": contract.topic(AUDIO),
        "camera_info": contract.topic(CAMERA_INFO),
        "words": contract.topic(TASK),
    }
    for name, value in told.items():
        setattr(asked, name, getattr(asked, name) or value)
    del asked.contract
