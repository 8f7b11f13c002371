"""Who may use the page's server: the token, and the addresses that it may listen on."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from uio2_ros.page.settings import TOKEN_VARIABLE, PageSettings
from uio2_ros.processes.access import AccessError, is_loopback, read_token

PORTS_TRIED = 10
SESSION = b"uio2 page session"


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
    token = read_token(settings.token_file, TOKEN_VARIABLE, environ)
    if not token and not is_loopback(settings.host):
        raise AccessError(
            f"page.host {settings.host} is open to the network, where everybody could move the "
            f"robot: set {TOKEN_VARIABLE} or the parameter token_file, or listen on 127.0.0.1"
        )
    return PageAccess(token)


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
