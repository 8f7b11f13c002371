"""Where a snapshot comes from: the topics of a running agent, or a recording of them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from uio2_ros.client import AgentClient
from uio2_ros.messages.qos import LATCHED, STATIC_TRANSFORMS
from uio2_ros.robot.time import to_s
from uio2_ros.viewing.published_answer import GLOBAL_TOPICS, RELATIVE_TOPICS, PublishedAnswer

TOPICS: dict[str, tuple[Any, QoSProfile]] = {
    "debug_image": (Image, LATCHED),
    "markers": (MarkerArray, LATCHED),
    "camera_info": (CameraInfo, qos_profile_sensor_data),
    "depth": (Image, QoSProfile(depth=1)),
    "/tf": (TFMessage, QoSProfile(depth=100)),
    "/tf_static": (TFMessage, STATIC_TRANSFORMS),
}


class NothingToShowError(Exception):
    """There is no answer to take a snapshot of; the message says what to do."""


class TopicListener:
    """Hears a running agent's topics on the client's node, until that client is closed."""

    def __init__(self, agent: AgentClient) -> None:
        namespace = agent.agent.rpartition("/")[0]
        self._arrived = threading.Condition()  # guards what was heard
        self._heard = PublishedAnswer()
        for topic, (kind, quality) in TOPICS.items():
            name = topic if topic in GLOBAL_TOPICS else f"{namespace}/{topic}"
            keep = functools.partial(self._keep, topic)
            agent.node.create_subscription(kind, name, keep, quality)

    def when(
        self, fits: Callable[[PublishedAnswer], bool], timeout_s: float
    ) -> PublishedAnswer | None:
        """What was heard, once it fits; None if it does not within `timeout_s`."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: fits(self._heard), timeout_s)
            return self._heard if found else None

    def _keep(self, topic: str, message: Any) -> None:
        with self._arrived:
            self._heard.take(topic, message)
            self._arrived.notify_all()


def recorded(path: Path, namespace: str, until_s: float | None) -> PublishedAnswer:
    """What the topics of an MCAP recording said, up to a time after its begin if one is given.

    NothingToShowError if the file is none or has no answer.
    """
    try:
        from mcap.exceptions import McapError
        from mcap.reader import make_reader
        from mcap_ros2.decoder import DecoderFactory
    except ImportError as error:
        raise NothingToShowError(
            f"recordings cannot be read ({error}); pip install mcap mcap-ros2-support"
        ) from error

    prefix = "/" + namespace.strip("/") + "/" if namespace.strip("/") else "/"
    names = {f"{prefix}{topic}": topic for topic in RELATIVE_TOPICS} | {t: t for t in GLOBAL_TOPICS}
    heard = PublishedAnswer()
    try:
        with path.open("rb") as stream:
            reader = make_reader(stream, decoder_factories=[DecoderFactory()])
            begin_ns = None
            for _, channel, written, message in reader.iter_decoded_messages(topics=list(names)):
                begin_ns = written.log_time if begin_ns is None else begin_ns
                if until_s is not None and to_s(written.log_time - begin_ns) > until_s:
                    break
                heard.take(names[channel.topic], message)
    except (OSError, McapError) as error:
        raise NothingToShowError(f"{path} cannot be read as an MCAP recording: {error}") from error
    if heard.marked is None and heard.drawn is None:
        raise NothingToShowError(
            f"{path} has neither markers nor debug_image in namespace {prefix}; record these "
            "topics, or give --namespace"
        )
    return heard
