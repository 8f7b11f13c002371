"""Publishes a recording as it came: same bytes, same QoS, same distances in time. rclpy."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from uio2_ros.messages.stamps import time_message
from uio2_ros.recording.definitions import (
    definition_of,
    layout_difference,
    name_differences,
)
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.offered_qos import profile_of
from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recorder import message_class
from uio2_ros.recording.recording_file import Recording
from uio2_ros.robot.time import to_s

CLOCK = "/clock"
CLOCK_PERIOD_NS = 10_000_000
LINGER_S = 0.3
PAUSE_S = 0.05
"""How often a pause between messages looks whether to stop."""


class Player:
    """Publishes the topics of a recording. `play` blocks and needs no spinning."""

    def __init__(
        self, node: Node, recording: Recording, topics: Collection[str] = (), *, clock: bool = False
    ) -> None:
        """`topics` are full names; none: all that can be published, the others are in `warnings`.

        `clock` publishes /clock from the recorded times. RecordingError for topics that are not
        recorded or not of ROS 2, and for types that are not installed or laid out otherwise here.
        """
        self._node = node
        self._recording = recording
        self.warnings: list[str] = []
        """What is not published, or may be understood otherwise than it was meant."""
        self._publishers = {}
        for name, topic in self._choose(topics).items():
            try:
                message_class, qos = self._checked_class(topic), profile_of(topic.qos)
            except RecordingError as error:
                if topics:
                    raise
                self.warnings.append(f"{name} is left out: {error}")
                continue
            self._publishers[name] = node.create_publisher(message_class, name, qos)
        if not self._publishers:
            raise RecordingError("; ".join(self.warnings))
        wants_clock = clock and CLOCK not in self._publishers
        self._clock = node.create_publisher(ClockMessage, CLOCK, 1) if wants_clock else None
        self.published = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that are published."""
        return tuple(self._publishers)

    def has_listeners(self) -> bool:
        """Whether somebody listens to every topic."""
        publishers = self._publishers.values()
        return all(publisher.get_subscription_count() for publisher in publishers)

    def play(self, rate: float, should_stop: Callable[[], bool]) -> bool:
        """Publishes everything once; False if stopped before the end.

        `rate` 2 is twice as fast as it was recorded.
        """
        began_s, first_ns, told_ns = time.monotonic(), 0, 0
        for message in self._recording.messages():
            publisher = self._publishers.get(message.topic.name)
            if publisher is None:
                continue
            first_ns = first_ns or message.time_ns
            due_s = began_s + to_s(message.time_ns - first_ns) / rate
            while (left_s := due_s - time.monotonic()) > 0 and not should_stop():
                time.sleep(min(left_s, PAUSE_S))
            if should_stop():
                return False
            if self._clock is not None and message.time_ns - told_ns >= CLOCK_PERIOD_NS:
                told_ns = message.time_ns
                self._clock.publish(ClockMessage(clock=time_message(told_ns)))
            publisher.publish(message.data)
            self.published += 1
        return True

    def _choose(self, wanted: Collection[str]) -> Mapping[str, Topic]:
        recorded, unreadable = self._recording.topics(), self._recording.unreadable
        if not recorded and not unreadable:
            raise RecordingError("there is no message in this recording")
        told = [f"{name} is left out: {why}" for name, why in sorted(unreadable.items())]
        if not wanted:
            self.warnings += told
            return recorded
        unknown = sorted(set(wanted) - set(recorded))
        if unknown:
            reasons = [f"; {name}: {unreadable[name]}" for name in unknown if name in unreadable]
            raise RecordingError(
                f"{', '.join(unknown)} is not recorded; recorded are "
                f"{', '.join(sorted(recorded))}{''.join(reasons)}"
            )
        return {name: topic for name, topic in recorded.items() if name in wanted}

    def _checked_class(self, topic: Topic) -> Any:
        """The class of a topic's messages; RecordingError if it is none that fits."""
        installed = message_class(topic.type_name)
        if topic.definition is None:
            self.warnings.append(
                f"{topic.name}: this recording does not define {topic.type_name}; it is taken to "
                "be as installed here"
            )
            return installed
        texts = (topic.definition, definition_of(topic.type_name))
        difference = layout_difference(topic.type_name, *texts)
        if difference:
            raise RecordingError(
                f"{topic.name} was recorded with another layout of {topic.type_name} than the one "
                f"installed here ({difference}); install that version, or leave the topic out"
            )
        renamed = name_differences(topic.type_name, *texts)
        if renamed:
            self.warnings.append(
                f"{topic.name}: fields of {topic.type_name} were called otherwise when it was "
                f"recorded ({', '.join(renamed)})"
            )
        return installed

    def wait_for_delivery(self, timeout_s: float) -> None:
        """Waits until reliable listeners have what was published, or until the time is over.

        Best-effort messages on their way are lost with their publisher, so it stays a moment.
        """
        time.sleep(LINGER_S)
        end_s = time.monotonic() + timeout_s
        for publisher in self._publishers.values():
            left_s = max(0.0, end_s - time.monotonic())
            publisher.wait_for_all_acked(Duration(seconds=left_s))
