"""What passes the gate of the page's server."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the extra page")

from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from uio2_ros.page.access import PageAccess
from uio2_ros.page.gate import COOKIE, RequestGate

TOKEN = "0123456789abcdef"
HERE = "http://127.0.0.1:8080"
VISIT = {"accept": "text/html", "sec-fetch-dest": "document", "sec-fetch-site": "cross-site"}


def client(token: str = "", base: str = HERE) -> TestClient:
    app = FastAPI()

    @app.get("/")
    @app.post("/")
    async def index(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/login")
    def login() -> str:
        return "token?"

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    gate = RequestGate(app, PageAccess(token), most_body_bytes=1000)
    return TestClient(gate, base_url=base, follow_redirects=False)


@pytest.mark.parametrize("base", [HERE, "http://localhost:9", "http://[::1]:8080"])
def test_names_of_this_machine_pass(base: str) -> None:
    assert client(base=base).get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:8080", ""])
def test_a_name_that_was_pointed_here_is_refused(host: str) -> None:
    refused = client().get("/", headers={"host": host})
    assert refused.status_code == 421
    assert refused.json()["error"] == "INVALID_REQUEST"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_pages_of_others_are_refused(origin: str) -> None:
    assert client().post("/", headers={"origin": origin}).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("/socket", headers={"origin": origin}) as socket,
    ):
        socket.receive_text()


def test_the_page_itself_passes() -> None:
    assert client().post("/", headers={"origin": HERE}).status_code == 200
    with client().websocket_connect(f"ws{HERE[4:]}/socket", headers={"origin": HERE}) as socket:
        assert socket.receive_text() == "hello"


def test_a_picture_in_a_page_of_others_is_refused_and_a_link_to_the_page_is_not() -> None:
    embedded = {**VISIT, "sec-fetch-dest": "image", "accept": "image/*"}
    assert client().get("/", headers=embedded).status_code == 403
    assert client().get("/", headers=VISIT).status_code == 200


def test_with_a_token_only_who_knows_it_passes() -> None:
    there = client(TOKEN, "http://robot.local:8080")
    assert there.get("/").status_code == 401
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer "):
        assert there.get("/", headers={"authorization": wrong}).status_code == 401
    assert there.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    session = PageAccess(TOKEN).session
    assert there.get("/", headers={"cookie": f"{COOKIE}={session}"}).status_code == 200
    assert there.get("/", headers={"cookie": f"{COOKIE}={TOKEN}"}).status_code == 401


def test_who_opens_the_page_is_asked_for_the_token() -> None:
    there = client(TOKEN, "http://robot.local:8080")
    asked = there.get("/", headers={"accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    assert there.get("/login").status_code == 200


def test_a_body_that_is_too_large_is_refused_whatever_it_claims() -> None:
    assert client().post("/", content=b"x" * 1000).json() == {"bytes": 1000}
    assert client().post("/", content=b"x" * 1001).status_code == 413
    pieces = (b"x" * 100 for _ in range(11))  # chunked: says no length
    assert client().post("/", content=pieces).status_code == 413
    assert client().post("/", headers={"content-length": "-5"}).status_code == 400


def test_no_page_may_frame_this_one_and_nothing_comes_from_elsewhere() -> None:
    headers = client().get("/").headers
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
