"""`config/agent.rviz` shows topics the agent has, with their types and qualities of service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.messages.qos import LATCHED
from uio2_ros.nodes.agent.markers import NAMESPACES
from uio2_ros.nodes.agent.memory_markers import NAMESPACE
from uio2_ros.nodes.agent.publishers import TOPICS

pytestmark = pytest.mark.ros

CONFIG = Path(__file__).resolve().parents[3] / "config" / "agent.rviz"
MESSAGE_TYPES = {
    "rviz_default_plugins/Camera": "sensor_msgs/msg/Image",
    "rviz_default_plugins/DepthCloud": "sensor_msgs/msg/Image",
    "rviz_default_plugins/Grid": None,
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/Marker": "visualization_msgs/msg/Marker",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
    "rviz_default_plugins/TF": None,
}
"""Displays of rviz_default_plugins' plugins_description.xml, and the type of their topic."""
OTHER_PLUGINS = {
    "rviz_common/Displays",
    "rviz_common/Views",
    *(
        f"rviz_default_plugins/{name}"
        for name in ("Interact", "MoveCamera", "Select", "FocusCamera", "Measure", "Orbit")
    ),
}
"""Panels, tools and views of RViz."""
SENSES = {"image": Image, "camera_info": CameraInfo}
"""Topics the agent hears, which RViz shows too."""
PUBLISHED = {
    **TOPICS,
    "agent/state_marker": (Marker, LATCHED),
    "agent/memory_markers": (MarkerArray, LATCHED),
}


def manager() -> dict[str, Any]:
    return yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["Visualization Manager"]


def topic_of(display: dict[str, Any]) -> str | None:
    if "Depth Map Topic" in display:
        return display["Depth Map Topic"]
    return display["Topic"]["Value"] if "Topic" in display else None


def type_name(kind: type) -> str:
    package, folder, *_ = kind.__module__.split(".")
    return f"{package}/{folder}/{kind.__name__}"


@pytest.mark.parametrize("display", manager()["Displays"], ids=lambda display: display["Name"])
def test_display_shows_a_topic_of_its_type(display: dict[str, Any]) -> None:
    expected = MESSAGE_TYPES[display["Class"]]
    topic = topic_of(display)
    assert (topic is None) == (expected is None)
    if topic is not None:
        published = {topic: kind for topic, (kind, _) in PUBLISHED.items()} | SENSES
        assert type_name(published[topic]) == expected


@pytest.mark.parametrize(
    "display",
    [display for display in manager()["Displays"] if "Topic" in display],
    ids=lambda display: display["Name"],
)
def test_what_is_latched_is_asked_for(display: dict[str, Any]) -> None:
    """A volatile subscription would wait for the next answer; a latched one of a volatile topic
    would hear nothing at all."""
    quality = PUBLISHED.get(topic_of(display), (None, None))[1]
    is_latched = isinstance(quality, QoSProfile) and (
        quality.durability == DurabilityPolicy.TRANSIENT_LOCAL
    )
    assert (display["Topic"]["Durability Policy"] == "Transient Local") == is_latched


def test_everything_an_answer_holds_is_shown() -> None:
    shown = {topic_of(display) for display in manager()["Displays"]}
    assert {"image", "debug_image", "markers", "depth", "generated_image"} <= shown
    classes = {display["Class"] for display in manager()["Displays"]}
    assert {"rviz_default_plugins/TF", "rviz_default_plugins/Camera"} <= classes


def test_every_kind_of_marker_can_be_switched_off() -> None:
    shown = {d["Name"]: set(d["Namespaces"]) for d in manager()["Displays"] if "Namespaces" in d}
    assert shown == {"Answer markers": set(NAMESPACES), "Memory": {NAMESPACE}}


def test_every_class_is_one_of_rviz() -> None:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    used = [panel["Class"] for panel in config["Panels"]]
    used += [tool["Class"] for tool in manager()["Tools"]]
    used.append(manager()["Views"]["Current"]["Class"])
    assert set(used) <= OTHER_PLUGINS
    assert manager()["Global Options"]["Fixed Frame"] == "base_link"
