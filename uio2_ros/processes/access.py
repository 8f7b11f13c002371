"""Who may use a server of ours: tokens, and what is reachable from this machine alone."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

LEAST_TOKEN = 16
"""Characters of a token that cannot be guessed."""


class AccessError(ValueError):
    """An address, a token or a certificate that cannot be used, or not together."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine. A name other than localhost may be any."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(file: str, variable: str, environ: Mapping[str, str] = os.environ) -> str:
    """The first line of a file, or the variable if no file is named; "" if neither has a token.

    Never of the command line, which every user of the machine can read. AccessError if it is too
    short or cannot be read, or other users may read the file.
    """
    if not file:
        token = environ.get(variable, "").strip()
        return _long_enough(token, f"${variable}") if token else ""
    path = Path(file).expanduser()
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise AccessError(f"the token file {file} cannot be read: {error}") from error
    if mode & 0o007:
        raise AccessError(f"every user may read the token file {file}: chmod o= {file}")
    return _long_enough(lines[0].strip() if lines else "", file)


def _long_enough(token: str, source: str) -> str:
    if len(token) < LEAST_TOKEN or not token.isascii() or any(c.isspace() for c in token):
        raise AccessError(
            f"the token of {source} has {len(token)} characters; give at least {LEAST_TOKEN} "
            "ASCII ones without spaces, as from: openssl rand -hex 32"
        )
    return token
