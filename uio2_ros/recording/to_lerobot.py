"""Recordings of ROS 2 topics as a LeRobot data set, by a contract of topics and keys.

Rows are as far apart as the steps of the action space. The picture of a row is the newest that had
come, its action what was done then, as `to_samples` reads it: the position at the end of the step,
or the velocity during it. Numbers are in the units of the action space's file. Each recording is
an episode, or one for each instruction where a topic tells them. Needs no ROS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.data.import_settings import RecordingSettings
from uio2_ros.data.lerobot_writing import LeRobotWriter, Numbers, Pixels
from uio2_ros.data.shards import DataSetError
from uio2_ros.recording.recorded import Recorded, Topic
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.to_samples import (
    JOINTS,
    ChosenTopics,
    RecordedTracks,
    decoded_messages,
    frame_of,
)
from uio2_ros.robot.action_space import SI_FACTORS, ActionSpace
from uio2_ros.robot.contract import ACTION, STATE, TASK, Contract
from uio2_ros.robot.time import to_ns, to_s

LONGEST_GAP_S = 0.5
"""Between a row and its picture."""

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LeRobotExport:
    """Writes recordings into a new folder. Everything raises DataSetError or RecordingError."""

    contract: Contract
    space: ActionSpace
    instruction: str = ""
    """Where no topic tells it."""

    def write(self, paths: tuple[Path, ...], folder: Path) -> LeRobotWriter:
        """The finished data set."""
        names = self.space.dimension_names
        has_state = bool(self.contract.topic(STATE))
        if self.space.rate_hz is None:
            raise DataSetError(f"{self.space.name!r} has no rate; name a continuous action space")
        writer = LeRobotWriter(
            folder,
            fps=self.space.rate_hz,
            robot_type=self.contract.robot_type,
            camera=self.contract.picture_key,
            action_names=names,
            state_names=names if has_state else (),
        )
        for path in paths:
            self._add(path, writer)
        writer.finish()
        return writer

    def _add(self, path: Path, writer: LeRobotWriter) -> None:
        recording = Recording(path)
        topics, tracks = self._tracks(recording, self.contract.topic(ACTION))
        states = self._states(recording)
        shown = [each.time_ns for each in recording.messages() if each.topic == topics.picture]
        for rows in _episodes(path, tracks, states, np.array(shown, np.int64), writer.fps):
            writer.add(
                tracks.instruction_at(int(rows[0])),
                _pictures(recording, topics.picture, rows),
                self._numbers(tracks.actions_at(np.asarray(rows + tracks.offset_ns, np.float64))),
                None
                if states is None
                else self._numbers(states.actions_at(rows.astype(np.float64))),
            )

    def _tracks(
        self, recording: Recording, action_topic: str
    ) -> tuple[ChosenTopics, RecordedTracks]:
        settings = RecordingSettings(
            self.space,
            self.instruction,
            picture_topic=self.contract.topic(self.contract.picture_key),
            action_topic=action_topic,
            words_topic=self.contract.topic(TASK),
        )
        chosen = ChosenTopics.of(recording, settings)
        topics = replace(chosen, audio=None, audio_info=None, camera=None)
        return topics, RecordedTracks.of(recording, topics, settings)

    def _states(self, recording: Recording) -> RecordedTracks | None:
        """Where the joints were, if the contract names their topic."""
        if not self.contract.topic(STATE):
            return None
        topics, states = self._tracks(recording, self.contract.topic(STATE))
        if topics.action.type_name != JOINTS:
            raise DataSetError(f"{STATE} is {topics.action.type_name}; expected {JOINTS}")
        return states

    def _numbers(self, values: npt.NDArray[np.float64]) -> Numbers:
        """(N, n) in the units of the file, as precise as LeRobot has them."""
        units = np.array([SI_FACTORS[item.unit] for item in self.space.dimensions])
        return np.asarray(values / units, np.float32)


def _episodes(
    path: Path,
    tracks: RecordedTracks,
    states: RecordedTracks | None,
    shown_ns: Times,
    fps: float,
) -> Iterator[Times]:
    """The times of the rows of each episode, nanoseconds."""
    known = [tracks.action_ns, *([] if states is None else [states.action_ns])]
    begin = max(*(int(times[0]) for times in known), int(shown_ns[0]))
    end = min(int(times[-1]) for times in known) - tracks.offset_ns
    said = [time_ns for time_ns, _ in tracks.words if time_ns > begin]
    if not tracks.instruction_at(begin):
        if not said:
            raise DataSetError(f"{path} does not say what was to be done; give --instruction")
        begin = said.pop(0)
    for first, last in zip([begin, *said], [*said, end + 1], strict=True):
        count = math.floor(to_s(last - 1 - first) * fps) + 1
        rows = first + np.array([to_ns(number / fps) for number in range(count)], np.int64)
        if len(rows):
            _expect_seen(path, rows, shown_ns)
            yield rows


def _expect_seen(path: Path, rows: Times, shown_ns: Times) -> None:
    ages_ns = rows - shown_ns[np.searchsorted(shown_ns, rows, side="right") - 1]
    oldest_s, at_s = to_s(int(ages_ns.max())), to_s(int(rows[ages_ns.argmax()]))
    if oldest_s > LONGEST_GAP_S:
        raise DataSetError(
            f"{path} has no picture in the {oldest_s:.2f} s before {at_s:.2f} s; "
            f"{LONGEST_GAP_S:g} s may be missing"
        )


def _pictures(recording: Recording, topic: Topic, rows: Times) -> Iterator[Pixels]:
    """The newest picture of each row."""
    waiting = iter(rows.tolist())
    due = next(waiting, None)
    newest: tuple[Recorded, Any] | None = None
    for message, decoded in decoded_messages(recording, [topic.name]):
        while newest is not None and due is not None and due < message.time_ns:
            yield _pixels(recording, newest)
            due = next(waiting, None)
        newest = (message, decoded)
    while newest is not None and due is not None:
        yield _pixels(recording, newest)
        due = next(waiting, None)


def _pixels(recording: Recording, newest: tuple[Recorded, Any]) -> Pixels:
    message, decoded = newest
    return frame_of(recording.path, message.topic, message.time_ns, decoded).pixels
