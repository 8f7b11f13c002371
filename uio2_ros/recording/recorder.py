"""Listens to topics and writes what comes to a file, as it is on the wire. rclpy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription

from uio2_ros.messages.message_types import find_type
from uio2_ros.messages.qos import OfferedQoS
from uio2_ros.recording.agent_notes import ASKED, NOTE, ask_parameters
from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.offered_qos import to_yaml
from uio2_ros.recording.recorded import Topic

DISCOVERY_PERIOD_S = 0.2
FLUSH_PERIOD_S = 1.0
"""What a crash loses at most."""
DEPTH = 100
"""Messages of a topic that the middleware keeps while the disk is slow."""
UNINTERESTING = ("/rosout", "/parameter_events")


class MessageSink(Protocol):
    """Takes what a recorder hears: a file, or the ring that forgets. RecordingError."""

    def add_topic(self, topic: Topic) -> None:
        """Declares a topic before its first message."""

    def add(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Takes a message."""

    def add_note(self, name: str, values: Mapping[str, str]) -> None:
        """Takes something to know about the recording."""

    def flush(self) -> None:
        """What was added so far is safe."""


class Recorder:
    """Records from creation to `close`. Everything runs on the thread that spins the node.

    Topics are found as they appear and subscribed to with the QoS of their publishers, without
    deserialising. A topic whose type is not installed is named in `problems` and left out.
    """

    def __init__(
        self,
        node: Node,
        writer: MessageSink,
        topics: Collection[str],
        on_failure: Callable[[RecordingError], None],
    ) -> None:
        """`topics` are full names; none: all but hidden ones, logs and parameter events."""
        self._node = node
        self._writer = writer
        self._wanted = set(topics)
        self._on_failure = on_failure
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self.problems: dict[str, str] = {}
        """Why topics are not recorded."""
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers = [
            node.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=clock),
            node.create_timer(FLUSH_PERIOD_S, self._flush, clock=clock),
        ]
        self._discover()

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that are listened to."""
        return tuple(self._subscriptions)

    def missing(self) -> tuple[str, ...]:
        """Topics that were asked for and that nobody publishes."""
        return tuple(sorted(self._wanted - set(self._subscriptions) - set(self.problems)))

    def close(self) -> None:
        """Stops listening. The writer is the caller's to close."""
        for timer in self._timers:
            self._node.destroy_timer(timer)
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)

    def _discover(self) -> None:
        for name, types in self._node.get_topic_names_and_types():
            if name in self._subscriptions or name in self.problems or not self._is_wanted(name):
                continue
            if not self._node.count_publishers(name):
                continue
            try:
                self._listen(name, types[0])
            except RecordingError as error:
                self.problems[name] = str(error)

    def _is_wanted(self, name: str) -> bool:
        if self._wanted:
            return name in self._wanted
        hidden = any(part.startswith("_") for part in name.split("/"))
        return not hidden and name not in UNINTERESTING

    def _listen(self, name: str, type_name: str) -> None:
        message_type = message_class(type_name)
        publishers = self._node.get_publishers_info_by_topic(name)
        offered = [publisher.qos_profile for publisher in publishers]
        topic = Topic(name, type_name, definition_of(type_name), to_yaml(offered))
        self._writer.add_topic(topic)
        if type_name == ASKED:
            self._note_model(name.rpartition("/")[0])

        def keep(data: bytes, info: Any) -> None:
            self._keep(name, data, info)

        self._subscriptions[name] = self._node.create_subscription(
            message_type, name, keep, OfferedQoS.of(publishers).profile(DEPTH), raw=True
        )

    def _note_model(self, agent: str) -> None:
        """Notes which model answers, for asking again."""

        def keep(notes: dict[str, str]) -> None:
            try:
                self._writer.add_note(NOTE, {"agent": agent, **notes})
            except RecordingError as error:
                self._on_failure(error)

        ask_parameters(self._node, agent, keep)

    def _keep(self, name: str, data: bytes, info: Any) -> None:
        try:
            self._writer.add(
                name,
                data,
                received_ns=info["received_timestamp"],
                published_ns=info["source_timestamp"],
            )
        except RecordingError as error:
            self._on_failure(error)

    def _flush(self) -> None:
        try:
            self._writer.flush()
        except RecordingError as error:
            self._on_failure(error)


def message_class(type_name: str) -> Any:
    """The class of "package/msg/Name"; RecordingError if the package is not installed."""
    found = find_type(type_name)
    if found is None:
        package = type_name.partition("/")[0]
        raise RecordingError(
            f"{type_name} is not installed; build or install the package {package}"
        )
    return found
