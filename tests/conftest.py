"""What every test can ask for: a portfolio of its own, a way to run commands in it, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the browser is marked so: `pytest -m "not browser"` leaves it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


# -- a portfolio to work in ------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code and all that it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Workbench:
    """A throw-away copy of tests/portfolio and the ways in which an author would touch it."""

    root: Path

    def verifolio(self, *arguments: str, **environment: str) -> Done:
        """Run the command line in a process of its own, with the copy as the working folder."""
        return self.python("-m", "verifolio", *arguments, **environment)

    def python(self, *arguments: str, **environment: str) -> Done:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> Callable[[], None]:
        """Replace `old`, which must stand there exactly once; returns the way back."""
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))
        return partial(self.write, name, text)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, message: str = "all") -> None:
        """Commit everything, making the repository first if there is none."""
        if not (self.root / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture(scope="session")
def staged_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture portfolio, staged once, so that the copies find their charts drawn."""
    from verifolio.stage import stage

    root = tmp_path_factory.mktemp("original") / "portfolio"
    shutil.copytree(HERE / "portfolio", root, ignore=shutil.ignore_patterns("build", "__pycache__"))
    stage(root, strict=False)
    return root


@pytest.fixture
def workbench(staged_once: Path, tmp_path: Path) -> Workbench:
    """A copy of the fixture portfolio, all fresh and without a fault, not in git, not staged."""
    root = tmp_path / "portfolio"
    shutil.copytree(staged_once, root, ignore=shutil.ignore_patterns("docs", "__pycache__"))
    return Workbench(root)


# -- a browser -------------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """VERIFOLIO_CHROMIUM, or the first usual name on PATH."""
    names = [
        os.environ.get("VERIFOLIO_CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium through playwright; without one the test is skipped, under CI=true it fails."""
    path = find_chromium()
    if path is None:
        message = "no Chromium: apt-get install chromium, or set VERIFOLIO_CHROMIUM to its path"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`new_page(color_scheme="dark", viewport={…})` opens a page in a context of its own."""
    contexts = []

    def open_page(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def site_server() -> Iterator[Callable[[Path], str]]:
    """`site_server(folder)` serves a folder on a free port of this machine and gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
