"""Message definitions as text, each with all that it is made of: the schemas of MCAP's ros2msg.

See "ros2msg" in the MCAP registry (mcap.dev/spec/registry): the definition of the type, then every
type it depends on, each after a line of 80 equal signs and `MSG: package/Name`. No rclpy.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from uio2_ros.recording.failures import RecordingError

SEPARATOR = "=" * 80
_BUILT_IN = re.compile(r"(bool|byte|char|w?string|u?int(8|16|32|64)|float(32|64))\b")


def definition_of(type_name: str) -> str:
    """The schema of "package/msg/Name"; RecordingError if a definition is not installed."""
    parts = [_text(type_name)]
    known = {type_name}
    waiting = _dependencies(type_name, parts[0])
    while waiting:
        name = waiting.pop(0)
        if name in known:
            continue
        known.add(name)
        text = _text(name)
        package, _, message = name.split("/")
        parts.append(f"{SEPARATOR}\nMSG: {package}/{message}\n{text}")
        waiting += _dependencies(name, text)
    return "\n".join(parts)


def _text(type_name: str) -> str:
    try:
        package, kind, message = type_name.split("/")
    except ValueError:
        raise RecordingError(
            f"{type_name!r} is no message type such as std_msgs/msg/Header"
        ) from None
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        file = Path(prefix, "share", package, kind, f"{message}.msg")
        if prefix and file.is_file():
            return file.read_text(encoding="utf-8")
    raise RecordingError(
        f"there is no definition of {type_name} in AMENT_PREFIX_PATH; install or build {package}, "
        "and set the environment up again"
    )


def _dependencies(type_name: str, text: str) -> list[str]:
    """Full names of the message types that a definition's fields have, in their order."""
    package = type_name.split("/")[0]
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words or _BUILT_IN.match(words[0]):
            continue
        name = re.sub(r"\[.*", "", words[0])
        owner, _, message = name.rpartition("/")
        found.append(f"{(owner or package).split('/')[0]}/msg/{message}")
    return found
