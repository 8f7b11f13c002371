"""Message definitions as text, each with all that it is made of: the schemas of MCAP's ros2msg.

See "ros2msg" in the MCAP registry (mcap.dev/spec/registry): the definition of the type, then every
type it depends on, each after a line of 80 equal signs and `MSG: package/Name`. No rclpy.

Two definitions of a type may differ in the order of what it depends on, in constants, defaults and
comments, and be the same on the wire: `layout_difference` compares what counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from uio2_ros.recording.failures import RecordingError

SEPARATOR = "=" * 80
_BUILT_IN = re.compile(r"(bool|byte|char|w?string|u?int(8|16|32|64)|float(32|64))$")
_SEPARATOR_LINE = re.compile(r"^={40,}[ \t]*$", re.MULTILINE)
_FIELD = re.compile(r"([A-Za-z][\w/]*)(<=\d+)?(\[(?:<=)?\d*\])?\s+([A-Za-z]\w*)(\s*=)?")
_OCTETS = ("byte", "char")  # rosidl maps them to what uint8 is, too
_EMPTY = "uint8 structure_needs_at_least_one_member"  # what rosidl makes of a message of nothing
_ALWAYS_KNOWN = {
    f"builtin_interfaces/{name}": "int32 sec\nuint32 nanosec" for name in ("Time", "Duration")
}
_DEEPEST = 32
"""Messages within messages; no real one comes near."""


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


def layout_difference(type_name: str, first: str, second: str) -> str:
    """Where two definitions of a type differ on the wire, in words; "" where they do not.

    What counts are the order of the fields, their types, and the bounds of arrays and strings, down
    to the last nested one. RecordingError for what is no definition.
    """
    pairs = zip_longest(_wire(type_name, first), _wire(type_name, second))
    for one, other in pairs:
        if one is None or other is None or one.type != other.type:
            return f"{one or 'nothing'} and {other or 'nothing'}"
    return ""


def name_differences(type_name: str, first: str, second: str) -> list[str]:
    """Fields that two definitions of one layout call otherwise, in words."""
    pairs = zip(_wire(type_name, first), _wire(type_name, second), strict=True)
    return [f"{one.name} and {other.name}" for one, other in pairs if one.name != other.name]


@dataclass(frozen=True)
class _Field:
    """A field of a definition, or one number or text of a message on the wire."""

    name: str
    type: str
    array: str = ""

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def _wire(type_name: str, definition: str) -> Iterator[_Field]:
    """What a message consists of, in its order; names are paths from the top."""
    head, *parts = _SEPARATOR_LINE.split(definition)
    known = dict(_ALWAYS_KNOWN)
    for part in parts:
        title, _, text = part.strip().partition("\n")
        known[_short(title.removeprefix("MSG:").strip())] = text
    known[_short(type_name)] = head
    return _flattened(_short(type_name), known, "", 0)


def _flattened(name: str, known: Mapping[str, str], path: str, depth: int) -> Iterator[_Field]:
    if name not in known or depth > _DEEPEST:
        raise RecordingError(f"the definition of {name} is missing, or contains itself")
    for field in _fields(known[name]) or _fields(_EMPTY):
        place = f"{path}{field.name}"
        if _BUILT_IN.match(field.type.split("<=")[0]):
            plain = "uint8" if field.type in _OCTETS else field.type
            yield _Field(place, plain + field.array)
            continue
        nested = field.type if "/" in field.type else f"{name.split('/')[0]}/{field.type}"
        if field.array:
            yield _Field(place, f"messages{field.array}, each of")
        yield from _flattened(_short(nested), known, f"{place}.", depth + 1)
        if field.array:
            yield _Field(place, "end of messages")


def _fields(text: str) -> list[_Field]:
    """The fields of one definition; its constants are none. A default value does not count."""
    found = []
    for line in text.splitlines():
        content = line.split("#")[0].strip()
        field = _FIELD.match(content)
        if content and field is None:
            raise RecordingError(f"{content[:80]!r} is no line of a message definition")
        if field and not field[5]:
            found.append(_Field(field[4], field[1] + (field[2] or ""), field[3] or ""))
    return found


def _short(type_name: str) -> str:
    """ "package/Name" of "package/msg/Name"."""
    parts = type_name.split("/")
    return f"{parts[0]}/{parts[-1]}"


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
    for field in _fields(text):
        if not _BUILT_IN.match(field.type.split("<=")[0]):
            owner, _, message = field.type.rpartition("/")
            found.append(f"{(owner or package).split('/')[0]}/msg/{message}")
    return found
