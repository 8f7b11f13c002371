"""Which topic of a robot is which key of its data: one file for recording, training and deployment.

    action_space: diff_drive
    robot_type: turtle                      # as LeRobot tells it; may be left out
    topics:
      observation.images.front: /image      # the picture: any name after observation.images.
      action: /cmd_vel
      observation.state: /joint_states      # may be left out, as may what follows
      task: /instruction                    # std_msgs/String
      camera_info: /camera_info
      audio: /audio

`./uio2 record`, `./uio2 data import` and `./uio2 data export` take it as `--contract`, `./uio2 up`
as `contract:=`. No ROS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.robot.records import FieldError, read_yaml

PICTURES = "observation.images."
ACTION, STATE, TASK = "action", "observation.state", "task"
CAMERA_INFO, AUDIO = "camera_info", "audio"
KEYS = (ACTION, STATE, TASK, CAMERA_INFO, AUDIO)


class ContractError(ValueError):
    """A contract that cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class Contract:
    """See the module. FieldError for what cannot be."""

    action_space: str
    topics: Mapping[str, str]
    robot_type: str = ""

    def __post_init__(self) -> None:
        pictures = [key for key in self.topics if key.startswith(PICTURES)]
        if len(pictures) != 1 or ACTION not in self.topics:
            raise FieldError(
                f"has the keys {', '.join(self.topics) or 'none'}; expected one {PICTURES}<name> "
                f"and {ACTION}",
                "topics",
            )
        for key in self.topics:
            if key not in (*KEYS, *pictures):
                raise FieldError(
                    f"has the key {key!r}; known are {PICTURES}<name>, {', '.join(KEYS)}", "topics"
                )

    @property
    def picture_key(self) -> str:
        """The key of the pictures."""
        return next(key for key in self.topics if key.startswith(PICTURES))

    def topic(self, key: str) -> str:
        """The full name of a key's topic; "" where the contract names none."""
        name = self.topics.get(key, "")
        return f"/{name.lstrip('/')}" if name else ""

    @property
    def names(self) -> tuple[str, ...]:
        """All topics, once each."""
        return tuple(dict.fromkeys(self.topic(key) for key in self.topics))


def read_contract(path: Path) -> Contract:
    """The contract of a file. ContractError."""
    return read_yaml(path, Contract, ContractError)
