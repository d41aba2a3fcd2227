"""The preview's web server: finished pages, and word to open browsers of what changed.

Browsers hear of changes by server-sent events. A page asks from the version that it was served at,
so nothing is missed between its loading and its asking; a hidden tab does not hold a connection
(browsers allow six a host).
"""

from __future__ import annotations

import errno
import json
import mimetypes
import os
import shutil
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from verifolio.errors import AuthorError

EVENTS = "/_verifolio/events"

CLIENT = """<script>(function(){
var since=%d, source, box;
function trouble(text){
  if(!text){if(box)box.remove();box=null;return}
  if(!box){box=document.createElement("pre");box.className="vf-fault";box.setAttribute("role","alert");
    box.style.cssText="position:fixed;inset:auto 0 0 0;z-index:99;margin:0;padding:1rem;max-height:50vh;"+
      "overflow:auto;background:#7a1212;color:#fff;white-space:pre-wrap";document.body.append(box)}
  box.textContent=text}
function connect(){
  source=new EventSource("%s?since="+since);
  source.onmessage=function(event){
    var news=JSON.parse(event.data);since=news.version;trouble(news.trouble);
    if(news.paths.includes("*")||news.paths.includes(decodeURI(location.pathname)))location.reload()}}
function look(){
  if(document.hidden){if(source)source.close();source=null}else if(!source)connect()}
document.addEventListener("visibilitychange",look);
addEventListener("pagehide",function(){if(source)source.close();source=null});
addEventListener("pageshow",look);look()})()</script>"""

WAITING = """<!doctype html><meta charset="utf-8"><title>…</title>
<p style="font:1.1rem system-ui;margin:3rem">正在构建…… 完成后自动显示。 Building; this page shows itself.</p>"""


class PreviewServer(ThreadingHTTPServer):
    """Serves a folder for each prefix of the path, and the events."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, host: str, port: int) -> None:
        # Folder by prefix ("" and "en"), None until it is built; the builder may change it any time.
        self.roots: dict[str, Path | None] = {}
        self._first = self._version = int(time.time() * 1000)
        self._changed: list[tuple[int, set[str]]] = []
        self._trouble = ""
        self._news = threading.Condition()
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise AuthorError(f"cannot serve at {host}:{port}: {error.strerror or error}") from None
            raise AuthorError(
                f"port {port} is taken by another program or not allowed",
                hint=f"choose another: verifolio serve --port {_free_port(host)}",
            ) from None
        shown = "localhost" if host in ("0.0.0.0", "::") else host
        self.url = f"http://{shown}:{self.server_address[1]}/"

    def publish(self, paths: set[str]) -> None:
        """Let the browsers that show one of these addresses (`*`: any) reload."""
        if paths:
            with self._news:
                self._version += 1
                self._changed.append((self._version, paths))
                self._news.notify_all()

    def trouble(self, text: str) -> None:
        """Show a message over every page, or take it away."""
        with self._news:
            if text != self._trouble:
                self._trouble = text
                self._version += 1
                self._news.notify_all()

    def wait(self, since: int, seconds: float) -> dict[str, Any] | None:
        """What changed after this version, waiting for it if need be."""
        with self._news:
            if since == self._version and not self._news.wait_for(lambda: since != self._version, seconds):
                return None
            if since < self._first:  # a page of an earlier run
                paths = {"*"}
            else:
                paths = {path for version, some in self._changed if version > since for path in some}
            return {"version": self._version, "paths": sorted(paths), "trouble": self._trouble}

    def client(self) -> bytes:
        """The script that goes into every page."""
        # A page served while there is trouble must ask from before it, to be told.
        with self._news:
            return (CLIENT % (self._version - bool(self._trouble), EVENTS)).encode()

    def find(self, path: str) -> Path | None:
        """The file for the path of a request, if its language is built."""
        first, _, rest = path.lstrip("/").partition("/")
        prefix, relative = (first, rest) if first in self.roots else ("", path.lstrip("/"))
        root = self.roots.get(prefix)
        if root is None:
            return None
        file = (root / relative).resolve()
        return file if file.is_relative_to(root.resolve()) else root

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body of an answer wait 40 ms for each other
    wbufsize = 1 << 16
    server: PreviewServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == EVENTS:
            self._send_events(int(parse_qs(parts.query).get("since", ["0"])[0]))
            return
        path = unquote(parts.path)
        self.client = self.server.client()  # before the page is read: it must hear of what changes meanwhile
        file = self.server.find(path)
        if file is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/html", self._with_client(WAITING.encode()))
        elif file.is_dir() and not path.endswith("/"):
            self._redirect(quote(path) + "/")
        elif (page := file / "index.html" if file.is_dir() else file).is_file():
            self._send_file(HTTPStatus.OK, page)
        else:
            self._send_file(HTTPStatus.NOT_FOUND, self._not_found(path))

    do_HEAD = do_GET

    def _not_found(self, path: str) -> Path:
        roots = self.server.roots
        return (roots.get(path.split("/")[1]) or roots[""] or Path()) / "404.html"

    def _send_file(self, status: HTTPStatus, file: Path) -> None:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        try:
            if file.suffix == ".html":
                self._send(status, kind, self._with_client(file.read_bytes()))
                return
            with file.open("rb") as stream:
                state = os.fstat(stream.fileno())
                tag = f'"{state.st_size:x}-{state.st_mtime_ns:x}"'
                if self.headers.get("If-None-Match") == tag:
                    self.send_response(HTTPStatus.NOT_MODIFIED)
                    self.end_headers()
                    return
                self._head(status, kind, state.st_size, tag)
                if self.command == "GET":
                    shutil.copyfileobj(stream, self.wfile)
        except FileNotFoundError:  # a build replaced it just now
            self._send(HTTPStatus.NOT_FOUND, "text/html", self._with_client(WAITING.encode()))

    def _with_client(self, html: bytes) -> bytes:
        head, end, tail = html.rpartition(b"</body>")
        return head + self.client + end + tail if end else html + self.client

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, size: int, tag: str = "") -> None:
        text = kind.startswith("text/") or kind in ("application/javascript", "application/json")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-cache" if tag else "no-store")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()

    def _redirect(self, place: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_events(self, since: int) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                news = self.server.wait(since, 15)
                text = f"data: {json.dumps(news)}\n\n" if news else ": still here\n\n"
                self.wfile.write(text.encode())
                self.wfile.flush()
                since = news["version"] if news else since
        except (ConnectionError, TimeoutError):
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not news."""


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
