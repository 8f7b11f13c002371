"""What every request passes before anything reads it: host, origin, token, size. ASGI, no ROS.

A browser sends what any page of the internet tells it to, also to this machine. So a request must
name a host of ours (a foreign name that was pointed here, DNS rebinding, is refused) and, where it
says which page sent it, a page of ours (CSRF, and WebSockets, which no browser restricts).
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uio2_ros.page import errors
from uio2_ros.page.access import PageAccess
from uio2_ros.processes.access import is_loopback
from uio2_ros.robot.errors import ErrorCode

COOKIE = "uio2_page"
LOGIN = "/login"
OPEN_PATHS = (LOGIN,)
"""What is shown to who has not given the token."""
REFUSED_WEBSOCKET = 1008
"""Close code for a violation of policy (RFC 6455, 7.4.1)."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a form is sent with the origin null
    # the client of NiceGUI compiles its templates in the browser; nothing comes from elsewhere
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
}


class Refusal(Exception):
    """Why a request does not pass: a status of HTTP and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestGate:
    """Lets requests pass to `app`."""

    def __init__(self, app: ASGIApp, access: PageAccess, most_body_bytes: int) -> None:
        self.app = app
        self._access = access
        self._most_body_bytes = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._judge(scope, headers)
        except Refusal as refusal:
            await _refuse(refusal, scope, receive, send, wants_page=_is_visit(scope, headers))
            return
        await self._pass(scope, receive, send)

    def _judge(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._access.token and not is_loopback(_name(host)):
            raise Refusal(421, f"this server is not {host!r}; open it as localhost or 127.0.0.1")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Refusal(403, f"a page of {origin!r} may not use this server")
        foreign = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
        if foreign and not _is_visit(scope, headers):
            raise Refusal(403, "pages of others may not use this server")
        if _length(headers) > self._most_body_bytes:
            raise Refusal(413, self._too_large)
        if self._access.token and scope["path"] not in OPEN_PATHS and not self._knows(headers):
            raise Refusal(401, "give the token: Authorization: Bearer <token>")

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._access.knows_token(given.strip())
        return self._access.knows_session(_cookies(headers).get(COOKIE, ""))

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._most_body_bytes

        async def receive_some() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    raise HTTPException(413, self._too_large)
            return message

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive_some, send_guarded)

    @property
    def _too_large(self) -> str:
        return f"the body is larger than {self._most_body_bytes} bytes"


async def _refuse(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, wants_page: bool
) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": REFUSED_WEBSOCKET})
        return
    body = errors.body(ErrorCode.INVALID_REQUEST, refusal.message)
    response: Response = JSONResponse(body, refusal.status, dict(HEADERS))
    if refusal.status == 401 and wants_page:
        response = RedirectResponse(LOGIN, 303)
    elif refusal.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    await response(scope, receive, send)


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether somebody opens the page itself, by a link or its address."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-dest", "document") == "document"
    )


def _name(host: str) -> str:
    """Without the port; of [::1]:8080 what is between the brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        raise Refusal(400, f"content-length is {text!r}; expected a number")
    return int(text)


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie")).items()}
    except CookieError:
        return {}
