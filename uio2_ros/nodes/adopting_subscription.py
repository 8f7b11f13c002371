"""A subscription that takes the QoS, and where it may the type, of the topic's publishers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.subscription import Subscription

from uio2_ros.messages.message_types import find_type
from uio2_ros.messages.qos import Endpoint, OfferedQoS, mismatches

OnMessage = Callable[[str, Any], None]


class AdoptingSubscription:
    """Follows the publishers of a topic. Every method is called by the thread that spins the node,
    except `open` and `close`, which any thread may call.

    `on_message(type name, message)`; with `raw` the message is its serialised bytes.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        types: Sequence[str],
        on_message: OnMessage,
        *,
        depth: int,
        group: CallbackGroup,
        raw: bool = False,
    ) -> None:
        """`types` are those understood ("sensor_msgs/msg/Image"), the usual one first."""
        self._node = node
        self._topic = topic
        self._types = tuple(types)
        self._on_message = on_message
        self._depth = depth
        self._group = group
        self._raw = raw
        self._lock = threading.Lock()  # guards the three below
        self._subscription: Subscription[Any] | None = None
        self._offer = OfferedQoS()
        self._type = self._types[0]
        self.problems: list[str] = []
        """Why messages of some publishers may not arrive; for diagnostics."""

    @property
    def topic(self) -> str:
        """The topic's full name."""
        return str(self._node.resolve_topic_name(self._topic))

    @property
    def qos(self) -> str:
        """The QoS at present, in words."""
        return str(self._offer)

    def open(self) -> None:
        """Begins to listen."""
        with self._lock:
            if self._subscription is None:
                publishers = self._publishers()
                self._subscribe(self._type_of(publishers), OfferedQoS.of(publishers))

    def close(self) -> None:
        """Stops listening."""
        with self._lock:
            self._unsubscribe()

    def follow(self) -> None:
        """Subscribes anew if the publishers changed; to be called now and then."""
        with self._lock:
            if self._subscription is None:
                return
            publishers = self._publishers()
            offer, type_name = OfferedQoS.of(publishers), self._type_of(publishers)
            if publishers and (offer, type_name) != (self._offer, self._type):
                self._unsubscribe()
                self._subscribe(type_name, offer)
        self._judge(publishers)

    @property
    def publisher_count(self) -> int:
        """Publishers of the topic, whatever their type."""
        return len(self._publishers())

    def _publishers(self) -> list[Endpoint]:
        return list(self._node.get_publishers_info_by_topic(self._topic))

    def _type_of(self, publishers: Sequence[Endpoint]) -> str:
        """The type of the first publisher with a type that is understood and installed."""
        offered = (publisher.topic_type for publisher in publishers)
        usable = (name for name in offered if name in self._types and find_type(name))
        return next(usable, self._type)

    def _subscribe(self, type_name: str, offer: OfferedQoS) -> None:
        message_type = find_type(type_name)
        assert message_type is not None, f"{type_name} comes with this package"
        self._type, self._offer = type_name, offer

        def on_message(message: Any) -> None:
            self._on_message(type_name, message)

        self._subscription = self._node.create_subscription(
            message_type,
            self._topic,
            on_message,
            offer.profile(self._depth),
            callback_group=self._group,
            raw=self._raw,
        )

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _judge(self, publishers: Sequence[Endpoint]) -> None:
        """Updates `problems`, and logs each new one once."""
        problems = mismatches(publishers, self._type, self._offer.profile(self._depth))
        missing = [
            name
            for name in {p.topic_type for p in publishers} & {*self._types}
            if not find_type(name)
        ]
        problems += [f"{name} is not installed; build or install its package" for name in missing]
        for problem in problems:
            if problem not in self.problems:
                self._node.get_logger().warning(f"{self.topic}: {problem}")
        self.problems = problems
