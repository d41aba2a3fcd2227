"""A small GitHub in this process: /user and /search/issues with real pages and Link headers, and faults on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "ghp_SecretOfTheTest"


class GitHubServer(ThreadingHTTPServer):
    """State of the fake: what the searches find, faults to give first, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.found: dict[str, list[dict]] = {"author-pr": [], "author-issue": [], "reviewed": []}
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.asked: list[str] = []
        self.elsewhere = ""  # a next page at another host

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: GitHubServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.faults:
            status, headers = self.server.faults.pop(0)
            return self.answer(status, {"message": "on request"}, headers)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, {"message": "Bad credentials"})
        place = urlsplit(self.path)
        if place.path == "/user":
            return self.answer(200, {"login": "mo"})
        if place.path == "/search/issues":
            return self.search(parse_qs(place.query))
        return self.answer(404, {"message": "Not Found"})

    def search(self, asked: dict[str, list[str]]) -> None:
        words = asked["q"][0].split()
        assert "-user:mo" in words
        assert "is:public" in words
        kind = (
            "reviewed" if "reviewed-by:mo" in words else f"author-{'pr' if 'type:pr' in words else 'issue'}"
        )
        items, size, page = (
            self.server.found[kind],
            int(asked["per_page"][0]),
            int(asked.get("page", ["1"])[0]),
        )
        headers = {}
        if page * size < len(items):
            query = urlencode({"q": asked["q"][0], "per_page": size, "page": page + 1})
            base = self.server.elsewhere or self.server.url
            headers["Link"] = f'<{base}/search/issues?{query}>; rel="next", <{base}/x>; rel="last"'
        body = {
            "total_count": len(items),
            "incomplete_results": False,
            "items": items[(page - 1) * size : page * size],
        }
        self.answer(200, body, headers)

    def answer(self, status: int, body: dict, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)


def issue(
    number: int, *, repository: str = "huggingface/peft", day: str = "2026-10-01", **more: object
) -> dict:
    """One item of a search, with the fields that GitHub gives."""
    return {
        "repository_url": f"https://api.github.com/repos/{repository}",
        "number": number,
        "title": f"Mend {number}",
        "state": "open",
        "created_at": f"{day}T08:00:00Z",
        "html_url": f"https://github.com/{repository}/pull/{number}",
        **more,
    }


@contextmanager
def serving_github() -> Iterator[GitHubServer]:
    """A server of its own, gone at the end."""
    server = GitHubServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
