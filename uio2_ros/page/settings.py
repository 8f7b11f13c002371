"""The parameters of the page's server."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import setting

TOKEN_VARIABLE = "UIO2_PAGE_TOKEN"


@dataclass(frozen=True)
class PageSettings:
    """Everything that can be chosen."""

    host: str = setting(
        "127.0.0.1",
        "address that is listened on; beyond this machine (such as 0.0.0.0) a token is required",
    )
    port: int = setting(
        8080, "port; if it is taken, the next free one of ten", low=1024, high=65535
    )
    token_file: str = setting(
        "", f"file whose first line is the token; empty: the variable {TOKEN_VARIABLE}, or none"
    )
    compressed: bool = setting(False, "true: pictures come as JPEG on image/compressed")
    picture_rate_hz: float = setting(
        10.0,
        "pictures a second that a browser is sent at most",
        low=0.5,
        high=60.0,
        name="picture_rate",
    )
    picture_width: int = setting(
        960, "pixels; wider pictures are made smaller before they are sent", low=64, high=4096
    )
    most_questions: int = setting(
        4, "instructions under way at once; more are refused as BUSY", low=1, high=64
    )
    most_watches: int = setting(
        8, "standing instructions under way at once; more are refused as BUSY", low=1, high=16
    )
    most_body_bytes: int = setting(
        2**22, "KiB that a request may hold", low=1, high=2**16, unit=2**10, name="most_body"
    )
