"""What every test can ask for: a portfolio of its own, a way to run commands in it, a browser."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from groups import LONGEST, group_of
from workbench import Workbench, find_chromium

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
if sys.dont_write_bytecode:
    # Some machines forbid it, and then each process compiles torch and transformers for 20 s again.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.pycache_prefix = str(REPOSITORY / "build" / "cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
# The workers share the cores: more threads would wait for each other, and turn in circles while they do.
os.environ.setdefault("OMP_NUM_THREADS", "1")
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
    """The longest groups first; whatever asks for the browser is marked: `-m "not browser"` leaves it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(group_of(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each group to one worker, in the order above (pytest-xdist 3.8's own groups do nothing under pytest 9.2)."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


@pytest.fixture(autouse=True)
def _rubbish_is_swept() -> Iterator[None]:
    """`verifolio check` sweeps none, since its process ends at once; called within ours, it would be forever."""
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_address_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line puts the site's address into the environment, for MkDocs."""
    for name in ("SITE_URL", "SITE_URL_EN"):
        monkeypatch.setenv(name, "")  # so that it is taken away at the end, whoever sets it
        monkeypatch.delenv(name)


# -- a portfolio to work in ------------------------------------------------------------------------


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
