"""A server on the local machine that answers like the Hugging Face hub answers file downloads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESOLVE = re.compile(r"^/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)$")


@dataclass
class HubServer:
    """Serves one repository; `requests` records method, file and range of every request."""

    repository: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    revisions: tuple[str, ...] = ("main", COMMIT)
    token: str | None = None
    cut_first: str | None = None  # the first download of this file breaks off half-way
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def reset(self, files: Mapping[str, bytes]) -> None:
        """Serve `files` to everyone and forget what was asked."""
        self.files, self.token, self.cut_first = files, None, None
        self.revisions = ("main", COMMIT)
        self.requests.clear()

    def __enter__(self) -> HubServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        del exception
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(send_body=False)

            def do_GET(self) -> None:
                self._answer(send_body=True)

            def log_message(self, *args: object) -> None:
                del args

            def _answer(self, send_body: bool) -> None:
                match = RESOLVE.match(self.path)
                name = match["name"] if match else self.path
                hub.requests.append((self.command, name, self.headers.get("Range")))
                if match is None or match["repository"] != hub.repository:
                    self._refuse(404, "RepoNotFound")
                elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                    self._refuse(401, "GatedRepo")
                elif match["revision"] not in hub.revisions:
                    self._refuse(404, "RevisionNotFound")
                elif name not in hub.files:
                    self._refuse(404, "EntryNotFound")
                else:
                    self._send(name, send_body)

            def _refuse(self, status: int, code: str) -> None:
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", f"{code} for {self.path}")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _send(self, name: str, send_body: bool) -> None:
                content = hub.files[name]
                start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
                body = content[start:]
                self.send_response(206 if start else 200)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(body)))
                if start:
                    last = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
                self.end_headers()
                if send_body and hub.cut_first == name:
                    hub.cut_first = None
                    body = body[: len(body) // 2]
                    self.close_connection = True
                if send_body:
                    self.wfile.write(body)

        return Handler
