"""Who may connect, and how: addresses, the token, TLS."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from uio2_ros.processes.access import AccessError, is_loopback

TOKEN_VARIABLE = "UIO2_TOKEN"
"""Environment variable with the token, where no file is named."""
SCHEMES = ("Bearer", "Api-Key")
"""Forms of the header Authorization; the second is openpi's."""
DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Address:
    """Where a server listens. An empty host is every interface."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; AccessError for anything else."""
        try:
            parts = urlsplit(f"//{text}")
            port = parts.port
        except ValueError as error:
            raise AccessError(f"{text!r} is no address: {error}") from None
        bare = not (parts.path or parts.query or parts.fragment or "@" in text)
        if not bare or not (parts.hostname or text.startswith(":")):
            raise AccessError(f"{text!r} is no address; give HOST:PORT, such as 127.0.0.1:8000")
        return cls(parts.hostname or "", DEFAULT_PORT if port is None else port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class ServerAccess:
    """How a server is reached. AccessError if others than this machine could reach it without a
    token or in the clear."""

    address: Address
    token: str = ""
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if self.address.is_loopback:
            return
        missing = [
            *([] if self.token else [f"a token (--token-file or ${TOKEN_VARIABLE})"]),
            *([] if self.tls else ["TLS (--tls-certificate and --tls-key)"]),
        ]
        if missing:
            raise AccessError(
                f"{self.address} is reachable from other machines, which takes "
                f"{' and '.join(missing)}; or listen on 127.0.0.1"
            )

    def admits(self, authorization: str) -> bool:
        """Whether the header Authorization of a request bears the token; takes the same time
        whatever it bears."""
        if not self.token:
            return True
        scheme, _, given = authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self.token.encode())
        return right and scheme in SCHEMES


def server_tls(certificate: str, key: str) -> ssl.SSLContext | None:
    """TLS with a certificate chain and its key, both PEM files; None if none is named. AccessError
    if only one is, or they cannot be used."""
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise AccessError("TLS takes both --tls-certificate and --tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise AccessError(f"{certificate} and {key} are no certificate and key: {error}") from error
    return context


def client_tls(uri: str, authority: str) -> ssl.SSLContext | None:
    """TLS for a wss:// address, trusting the machine's authorities, or the one of a PEM file alone;
    None for ws://. AccessError for a file that is none."""
    if urlsplit(uri).scheme != "wss":
        return None
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ValueError) as error:
        raise AccessError(f"{authority} holds no certificate: {error}") from error


def expect_sealed(uri: str, token: str) -> None:
    """AccessError if a token would travel in the clear, or the address is none."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise AccessError(f"{uri} is no address of a server: {error}") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username:
        raise AccessError(f"{uri} is no address of a server; give ws://HOST:PORT or wss://...")
    if token and parts.scheme == "ws" and not is_loopback(parts.hostname):
        raise AccessError(f"a token would travel in the clear to {uri}; use wss://")
