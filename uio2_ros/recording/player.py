"""Publishes a recording as it came: same bytes, same QoS, same distances in time. rclpy."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from uio2_ros.messages.stamps import time_message
from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.offered_qos import profile_of
from uio2_ros.recording.recorder import message_class
from uio2_ros.recording.recording_file import Recording, Topic
from uio2_ros.robot.time import NS_PER_S

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
        """`topics` are full names; none: all. `clock` publishes /clock from the recorded times.

        RecordingError for topics that are not recorded, and for types that are not installed or
        have another definition here than in the recording.
        """
        self._node = node
        self._recording = recording
        chosen = _choose(recording.topics(), topics)
        self._publishers = {
            name: node.create_publisher(_checked_class(topic), name, profile_of(topic.qos))
            for name, topic in chosen.items()
        }
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
            due_s = began_s + (message.time_ns - first_ns) / NS_PER_S / rate
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

    def wait_for_delivery(self, timeout_s: float) -> None:
        """Waits until reliable listeners have what was published, or until the time is over.

        Best-effort messages on their way are lost with their publisher, so it stays a moment.
        """
        time.sleep(LINGER_S)
        end_s = time.monotonic() + timeout_s
        for publisher in self._publishers.values():
            left_s = max(0.0, end_s - time.monotonic())
            publisher.wait_for_all_acked(Duration(seconds=left_s))


def _choose(recorded: Mapping[str, Topic], wanted: Collection[str]) -> Mapping[str, Topic]:
    if not recorded:
        raise RecordingError("there is no message in this recording")
    unknown = sorted(set(wanted) - set(recorded))
    if unknown:
        raise RecordingError(
            f"{', '.join(unknown)} is not recorded; recorded are {', '.join(sorted(recorded))}"
        )
    return {name: topic for name, topic in recorded.items() if not wanted or name in wanted}


def _checked_class(topic: Topic) -> Any:
    message_type = message_class(topic.type_name)
    if _words(topic.definition) != _words(definition_of(topic.type_name)):
        raise RecordingError(
            f"{topic.name} was recorded with another definition of {topic.type_name} than the one "
            "installed here; install that version, or leave the topic out"
        )
    return message_type


def _words(definition: str) -> list[list[str]]:
    """What counts of a definition: no comments, no space, no empty lines."""
    lines = (line.split("#")[0].split() for line in definition.splitlines())
    return [words for words in lines if words]
