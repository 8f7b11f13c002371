"""Who may use the page's server, and where it listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from uio2_ros.page.access import PageAccess, access_of, listening_socket
from uio2_ros.page.settings import TOKEN_VARIABLE, PageSettings
from uio2_ros.processes.access import AccessError

TOKEN = "0123456789abcdef"


def test_this_machine_needs_no_token() -> None:
    assert access_of(PageSettings(), {}) == PageAccess("")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "robot.local"])
def test_beyond_this_machine_it_does_not_start_without_a_token(host: str) -> None:
    with pytest.raises(AccessError, match=TOKEN_VARIABLE):
        access_of(PageSettings(host=host), {})
    assert access_of(PageSettings(host=host), {TOKEN_VARIABLE: TOKEN}).token == TOKEN


def test_a_file_counts_more_than_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\nmore\n")
    file.chmod(0o600)
    settings = PageSettings(token_file=str(file))
    assert access_of(settings, {TOKEN_VARIABLE: "another-long-token"}).token == TOKEN


@pytest.mark.parametrize("content", ["", "\n", "short\n"])
def test_a_file_without_a_usable_token_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(AccessError):
        access_of(PageSettings(token_file=str(file)), {})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(AccessError, match="/nowhere"):
        access_of(PageSettings(token_file="/nowhere"), {})


def test_only_the_token_and_its_session_are_known() -> None:
    access = PageAccess(TOKEN)
    assert access.knows_token(TOKEN)
    assert access.knows_session(access.session)
    for wrong in ("", TOKEN[:-1], TOKEN + "0", access.session, "ü" * 16):
        assert not access.knows_token(wrong)
    assert not access.knows_session(TOKEN)
    assert TOKEN not in access.session


def test_without_a_token_nothing_passes_for_it() -> None:
    assert not PageAccess("").knows_token("")
    assert not PageAccess("").knows_session(PageAccess("").session)


def test_a_port_that_is_taken_gives_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with listening_socket("127.0.0.1", port) as listening:
            assert port < listening.getsockname()[1] < port + 10


def test_an_address_of_somebody_else_is_told_with_the_remedy() -> None:
    with pytest.raises(AccessError, match="page_port:=<number>"):
        listening_socket("192.0.2.1", 8080)
