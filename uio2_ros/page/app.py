"""The one server: gate, HTTP, MCP and page, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Form
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from mcp.server.streamable_http_manager import (
    StreamableHTTPASGIApp,
    StreamableHTTPSessionManager,
)
from nicegui import ui
from starlette.routing import Route
from starlette.types import ASGIApp

from uio2_ros import __version__
from uio2_ros.page import errors, http, mcp_tools
from uio2_ros.page.access import PageAccess
from uio2_ros.page.browser.layout import Page
from uio2_ros.page.gate import COOKIE, LOGIN, RequestGate
from uio2_ros.page.robot import RobotLink

MCP_PATH = "/mcp"
TITLE = "uio2_ros"
RECONNECT_S = 30.0
"""A browser on a busy robot takes seconds to open the page; what it is to show is kept so long."""
SESSION_S = 30 * 24 * 3600
LOGIN_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>uio2_ros</title><body style="font-family:sans-serif;background:#f6f8fa;display:grid;
place-items:center;height:95vh"><form method="post"><h1>uio2_ros</h1><p>{message}</p>
<input name="token" type="password" autofocus style="padding:.7em;width:20em">
<button style="padding:.7em 1.5em">Enter</button></form></body></html>"""


def make_app(robot: RobotLink, access: PageAccess, most_body_bytes: int) -> ASGIApp:
    """What uvicorn serves. Once a process: NiceGUI's pages are the process's."""
    sessions = StreamableHTTPSessionManager(
        mcp_tools.server(robot), stateless=True, max_request_body_size=most_body_bytes
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with sessions.run():
            yield

    app = FastAPI(
        title=TITLE,
        version=__version__,
        description="Ask the robot, look through its eyes, have it act, and stop it.",
        docs_url=None,  # these load a viewer from the internet
        redoc_url=None,
        lifespan=lifespan,
    )
    for kind in errors.REPORTED:
        app.add_exception_handler(kind, http.report)
    app.add_exception_handler(RequestValidationError, http.report_invalid)
    app.include_router(http.routes(robot))
    app.router.routes.append(Route(MCP_PATH, endpoint=StreamableHTTPASGIApp(sessions)))
    _add_login(app, access)
    _add_page(app, robot)
    return RequestGate(app, access, most_body_bytes)


def _add_login(app: FastAPI, access: PageAccess) -> None:
    @app.get(LOGIN, include_in_schema=False)
    def login() -> HTMLResponse:
        return HTMLResponse(LOGIN_PAGE.format(message="The token, please:"))

    @app.post(LOGIN, include_in_schema=False)
    def enter(token: Annotated[str, Form()] = "") -> Response:
        if not access.knows_token(token.strip()):
            return HTMLResponse(LOGIN_PAGE.format(message="That is not the token."), 401)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE, access.session, max_age=SESSION_S, httponly=True, samesite="strict"
        )
        return response


def _add_page(app: FastAPI, robot: RobotLink) -> None:
    @ui.page("/", title=TITLE)
    def page() -> None:
        Page(robot)

    ui.run_with(
        app,
        favicon="🤖",
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
        language="en-US",
    )
