"""Others than this machine reach a server with a token over TLS, or not at all."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import patient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from uio2_ros.processes.access import AccessError, read_token
from uio2_ros.remote import numpy_messages
from uio2_ros.remote.access import TOKEN_VARIABLE, Address, ServerAccess, server_tls
from uio2_ros.remote.client import RemoteModel
from uio2_ros.serving import ModelState

WAIT_S = patient(30.0)
TOKEN = "0123456789abcdef0123"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """PEM files of a certificate for 127.0.0.1 and its key."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-out", str(files[0]), "-keyout", str(files[1])],
        check=True,
        capture_output=True,
    )
    return str(files[0]), str(files[1])


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("localhost", "localhost", 8000),
        ("[::1]:9000", "::1", 9000),
        (":9000", "", 9000),
        ("0.0.0.0:0", "0.0.0.0", 0),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", "a:b", "a:99999", "ws://a:1", "u@a:1", "[::1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AccessError):
        Address.parse(text)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "robot.local"])
def test_beyond_this_machine_it_takes_a_token_and_tls(host: str) -> None:
    address, tls = Address(host, 1), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for token, context in (("", None), (TOKEN, None), ("", tls)):
        with pytest.raises(AccessError, match="reachable from other machines"):
            ServerAccess(address, token, context)
    ServerAccess(address, TOKEN, tls)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone_needs_neither(host: str) -> None:
    ServerAccess(Address(host, 1))


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        (f"Bearer {TOKEN}", True),
        (f"Api-Key {TOKEN}", True),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer \u00e9", False),
        ("", False),
    ],
)
def test_the_token_is_that_of_openpi_or_a_bearer(header: str, admitted: bool) -> None:
    assert ServerAccess(Address("127.0.0.1", 1), TOKEN).admits(header) is admitted


def test_tokens_come_from_files_that_others_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert read_token("", TOKEN_VARIABLE) == ""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert read_token("", TOKEN_VARIABLE) == TOKEN
    file = tmp_path / "token"
    file.write_text(f"{TOKEN[::-1]}\n")
    file.chmod(0o644)
    with pytest.raises(AccessError, match="every user may read"):
        read_token(str(file), TOKEN_VARIABLE)
    file.chmod(0o600)
    assert read_token(str(file), TOKEN_VARIABLE) == TOKEN[::-1]
    file.write_text("short")
    with pytest.raises(AccessError, match="has 5 characters"):
        read_token(str(file), TOKEN_VARIABLE)
    with pytest.raises(AccessError, match="cannot be read"):
        read_token(str(tmp_path / "nowhere"), TOKEN_VARIABLE)


def test_tls_takes_a_certificate_and_its_key(certificate: tuple[str, str], tmp_path: Path) -> None:
    assert server_tls("", "") is None
    assert server_tls(*certificate) is not None
    with pytest.raises(AccessError, match="takes both"):
        server_tls(certificate[0], "")
    with pytest.raises(AccessError, match="no certificate"):
        server_tls(certificate[0], str(tmp_path / "nowhere"))


def test_without_the_token_nothing_is_told(
    make_server: Callable[..., Any], make_client: Callable[..., RemoteModel]
) -> None:
    uri = make_server(token=TOKEN).uri
    for path in ("", "/metrics"):
        with pytest.raises(InvalidStatus) as refused, connect(f"{uri}{path}"):
            pass
        assert refused.value.response.status_code == 401
    status = make_client(uri).wait_ready(WAIT_S)
    assert (status.state, status.reason) == (ModelState.FAILED, f"{uri}: it refuses the token")


def test_with_the_token_over_tls(
    make_server: Callable[..., Any],
    make_client: Callable[..., RemoteModel],
    certificate: tuple[str, str],
    tmp_path: Path,
) -> None:
    uri = make_server(token=TOKEN, tls=server_tls(*certificate)).uri
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    client = make_client(uri, token_file=str(token_file), authority=certificate[0])
    assert client.wait_ready(WAIT_S).state is ModelState.READY
    stranger = make_client(uri, token_file=str(token_file)).wait_ready(WAIT_S)
    assert stranger.state is ModelState.FAILED, "nobody vouches for the certificate"
    trusted = ssl.create_default_context(cafile=certificate[0])
    headers = {"Authorization": f"Api-Key {TOKEN}"}
    with connect(uri, ssl=trusted, additional_headers=headers) as connection:
        assert numpy_messages.unpack(connection.recv())["model"] == "fake synthetic"


def test_a_token_does_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with pytest.raises(AccessError, match="in the clear"):
        RemoteModel("ws://robot.local:8000")
    monkeypatch.delenv(TOKEN_VARIABLE)
    for wrong in ("http://a", "ws://", "ws://a:b", "wss://me@a"):
        with pytest.raises(AccessError, match="no address"):
            RemoteModel(wrong)
