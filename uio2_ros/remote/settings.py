"""How a remote model is asked. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from uio2_ros.remote.pictures import PictureCodec
from uio2_ros.remote.policy import PolicySettings
from uio2_ros.settings import check, group, setting


@dataclass(frozen=True)
class RemoteSettings:
    """Settings of a `RemoteModel`; ValueError for values that make no sense."""

    robot: str = setting(
        "", "name under which the server knows this robot; empty: the name of this computer"
    )
    token_file: str = setting(
        "", "file with the token of the server; empty: the environment's UIO2_TOKEN, if set"
    )
    authority: str = setting(
        "", "PEM file with the certificate to trust; empty: those that the machine trusts"
    )
    pictures: PictureCodec = setting(PictureCodec.JPEG, "how pictures travel")
    quality: int = setting(90, "quality of JPEG and WebP", low=1, high=100)
    queue_size: int = setting(
        16, "instructions that may be under way at once; more are BUSY", low=1, high=1000
    )
    backoff_s: float = setting(
        0.2, "seconds before it connects again, doubling each time", name="backoff"
    )
    max_backoff_s: float = setting(5.0, "most seconds before it connects again", name="max_backoff")
    policy: PolicySettings = group(PolicySettings, "policy")

    def __post_init__(self) -> None:
        check(self)


def is_remote(model: str) -> bool:
    """Whether the name of a model is the address of a server."""
    return urlsplit(model).scheme in ("ws", "wss")
