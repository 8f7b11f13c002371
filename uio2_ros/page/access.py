"""Who may use the server: the token, and the addresses that it may listen on. Standard library."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.page.settings import TOKEN_VARIABLE, PageSettings

SHORTEST_TOKEN = 16
"""Characters; shorter ones can be guessed over a network."""
PORTS_TRIED = 10
SESSION = b"uio2 page session"


class AccessError(ValueError):
    """A server that would be open to everybody, or cannot listen; the message says what to do."""


@dataclass(frozen=True)
class PageAccess:
    """Who may come in. Without a token, whoever is on this machine."""

    token: str = ""

    @property
    def session(self) -> str:
        """What a browser that gave the token is known by; it does not tell the token."""
        return hmac.new(self.token.encode(), SESSION, hashlib.sha256).hexdigest()

    def knows_token(self, given: str) -> bool:
        """Whether it is the token, compared in constant time."""
        return _same(given, self.token)

    def knows_session(self, given: str) -> bool:
        """Whether a browser's cookie is of this server and token."""
        return bool(self.token) and _same(given, self.session)


def _same(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def access_of(settings: PageSettings, environ: Mapping[str, str] = os.environ) -> PageAccess:
    """The token of the file or the environment; AccessError where one is needed and missing."""
    token = _token(settings.token_file, environ)
    if token and len(token) < SHORTEST_TOKEN:
        raise AccessError(
            f"the page's token has {len(token)} characters; give {SHORTEST_TOKEN} or more, such as "
            "those of: openssl rand -hex 16"
        )
    if not token and not is_loopback(settings.host):
        raise AccessError(
            f"page.host {settings.host} is open to the network, where everybody could move the "
            f"robot: set {TOKEN_VARIABLE} or the parameter token_file, or listen on 127.0.0.1"
        )
    return PageAccess(token)


def _token(file: str, environ: Mapping[str, str]) -> str:
    if not file:
        return environ.get(TOKEN_VARIABLE, "").strip()
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"token_file {file} cannot be read: {error}") from error
    token = lines[0].strip() if lines else ""
    if not token:
        raise AccessError(f"token_file {file} is empty; its first line is to be the token")
    return token


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone. Other names than localhost may change."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket on the port, or the next one that is free; AccessError if none of ten is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for tried in range(port, min(port + PORTS_TRIED, 65536)):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, tried))
            listening.listen()
        except OSError as error:
            listening.close()
            reason = error
            continue
        return listening
    raise AccessError(
        f"no port of {host} from {port} to {port + PORTS_TRIED - 1} can be listened on "
        f"({reason.strerror}); give another: page_port:=<number>"
    )
