"""The stand-ins of compat/ talk to nodes built against the originals."""

import json
import os
from pathlib import Path

import pytest

# Computed by rosidl from the definitions of the original packages (see compat/README.md).
ORIGINALS: dict[str, str] = json.loads(Path(__file__).with_name("type_hashes.json").read_text())

OPTIONAL = ("audio_common_msgs", "foxglove_msgs")
UIO2 = ".colcon"
"""In the prefixes of what ./uio2 sets up, which has all of them."""


def installed_hash(type_name: str) -> str:
    for prefix in os.environ["AMENT_PREFIX_PATH"].split(os.pathsep):
        package, kind, name = type_name.split("/")
        file = Path(prefix, "share", package, kind, f"{name}.json")
        if file.exists():
            hashes = json.loads(file.read_text())["type_hashes"]
            return next(h["hash_string"] for h in hashes if h["type_name"] == type_name)
    optional = type_name.split("/")[0] in OPTIONAL
    if optional and UIO2 not in os.environ["AMENT_PREFIX_PATH"]:
        pytest.skip(f"this ROS has no {type_name}, which nothing needs")
    raise AssertionError(f"no prefix of AMENT_PREFIX_PATH has {type_name}")


@pytest.mark.ros
@pytest.mark.parametrize("type_name", ORIGINALS)
def test_type_hashes_are_those_of_the_originals(type_name: str) -> None:
    assert installed_hash(type_name) == ORIGINALS[type_name]


def test_every_definition_is_compared() -> None:
    root = Path(__file__).parents[2]
    definitions = {
        f"{file.parent.parent.name}/{file.parent.name}/{file.stem}"
        for kind in ("msg", "srv", "action")
        for file in (root / "compat").glob(f"*/{kind}/*.{kind}")
    }
    assert definitions == set(ORIGINALS)
