"""The real site of this repository, built once for all tests here, and ways to look at it."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from looking import Visit, looked_at_closely, read_visit, visit_pages
from reading import BuiltSite
from repository import bring_rungs, copy_repository, verifolio

from verifolio.build import only_builder

# As a project of GitHub Pages has it: not at the root of its host.
SITE_URL = "https://reader.example/portfolio/"
FOLDER = urlsplit(SITE_URL).path

CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'"
)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all of pytest-xdist's workers see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "e2e"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def root(shared: Path) -> Path:
    """A copy of this repository whose site is built; not to be changed."""
    root = shared / "portfolio"
    with only_builder(shared):
        if not (shared / "built").exists():
            if not root.exists():
                copy_repository(root)
                bring_rungs(root)
            done = verifolio(root, "site", "--no-run", SITE_URL=SITE_URL)
            assert done.returncode == 0, f"this repository's own site does not build:\n{done.stderr}"
            (shared / "built").touch()
    return root


@pytest.fixture(scope="session")
def site(root: Path) -> BuiltSite:
    return BuiltSite(root / "build" / "site", SITE_URL)


_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder below FOLDER, its 404 page for what is missing, and nothing else."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, headers: dict[str, str], **more: Any) -> None:
        self.more_headers = headers
        super().__init__(*args, **more)

    def translate_path(self, path: str) -> str:
        inside = path.startswith(FOLDER)
        return super().translate_path("/" + path.removeprefix(FOLDER) if inside else "/outside-of-the-site")

    def do_GET(self) -> None:
        """As static hosts do, also a part of a file."""
        path, found = Path(self.translate_path(self.path)), _RANGE.fullmatch(self.headers.get("Range", ""))
        if not found or not path.is_file():
            super().do_GET()
            return
        size = path.stat().st_size
        first, last = int(found[1]), min(int(found[2]), size - 1)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with path.open("rb") as stream:
            stream.seek(first)
            self.wfile.write(stream.read(last - first + 1))

    def end_headers(self) -> None:
        for name, value in self.more_headers.items():
            self.send_header(name, value)
        super().end_headers()

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        body = Path(self.directory, "404.html").read_bytes() if code == 404 else b""
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def publish(site: BuiltSite) -> Iterator[Callable[..., str]]:
    """`publish(**headers)` puts the site on a free port and gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(headers: dict[str, str] | None = None) -> str:
        # Nothing is kept by the browser, so that every page is loaded as by its first visitor.
        own = {"Cache-Control": "no-store", **(headers or {})}
        handler = partial(_Handler, directory=str(site.folder), headers=own)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}{FOLDER}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def address(publish: Callable[..., str]) -> str:
    """Where the built site is served."""
    return publish()


@pytest.fixture(scope="session")
def guarded_address(publish: Callable[..., str]) -> str:
    """The same under a strict Content-Security-Policy."""
    return publish({"Content-Security-Policy": CSP})


@pytest.fixture(scope="session")
def visits(
    browser: Any, site: BuiltSite, publish: Callable[..., str], shared: Path
) -> Callable[[int], list[Visit]]:
    """`visits(0)`, `visits(1)`: what was seen on either half of the pages, looked at once by one worker.

    The phone is 360 px wide and light, the desk 1280 px wide and dark. Each page is loaded on one of them,
    under a strict policy; one of each two languages is also looked at on the other.
    """

    def get(half: int) -> list[Visit]:
        notes = shared / f"visits-{half}.json"
        with only_builder(shared / f"half-{half}"):
            if not notes.exists():
                urls = {page.url: page in looked_at_closely(site) for page in site.pages[half::2]}
                seen = visit_pages(browser, publish({"Content-Security-Policy": CSP}), urls)
                notes.write_text(json.dumps(seen), encoding="utf-8")
        return [read_visit(one) for one in json.loads(notes.read_text(encoding="utf-8"))]

    return get


@pytest.fixture(scope="session")
def post_urls(site: BuiltSite) -> dict[str, str]:
    """Of the posts with a demo the one with most numbers, in each language: the one that tests look at."""
    found = {}
    for lang in ("zh", "en"):
        posts = [page for page in site.posts(lang) if page.tree.find("section", class_name="vf-demo")]
        assert posts, f"the site has no post with a demo in {lang}"
        found[lang] = max(posts, key=lambda page: len(page.tree.find("a", class_name="vf-num"))).url
    return found
