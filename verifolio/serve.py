"""The live preview: both languages, and an edit in the open browser before the writer looks up.

A change is staged, the pages that it touches are rendered again from warm MkDocs (`verifolio.warm`)
and the browsers that show them reload. What else depends on it (lists, search, feeds) follows by a
full build in the background, after which the pages whose HTML became another one reload.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import webbrowser
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from verifolio.build import LANGUAGES
from verifolio.errors import AuthorError, Fault
from verifolio.preview import PreviewServer
from verifolio.watch import watch

QUIET = 0.03  # seconds without a further change before staging: editors save in several steps
CALM = 1.0  # seconds without a further edit before the full build in the background
HEADSTART = 0.5  # seconds after an edit that belong to the browser: the full build waits meanwhile
PATIENCE = 8.0  # seconds that the end waits for a build under way to come to the next page


def serve(
    root: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    open: bool = False,
    background: Iterable[Callable[[], subprocess.Popen[Any]]] = (),
    live: dict[str, str] | None = None,
) -> None:
    """Serve `root` until interrupted; start `background` processes once the site is up."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as tidily as by Ctrl+C
    os.environ["VERIFOLIO_STAGED"] = "1"  # tells the MkDocs hook that staging is ours
    server = PreviewServer(host, port)
    preview = Preview(root, server, live)
    processes: list[subprocess.Popen[Any]] = []
    observer = None
    try:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"building {server.url} …", flush=True)
        observer = watch(root, preview.changes)
        preview.start()
        print(f"ready: {server.url} and {server.url}en/ (stop with Ctrl+C)", flush=True)
        if open:
            webbrowser.open(server.url)
        processes += [start() for start in background]
        preview.run()
    except KeyboardInterrupt:
        print("\nstopped", flush=True)
    finally:
        if observer:
            observer.stop()
        _stop(processes)
        server.shutdown()
        preview.close()


class Preview:
    """Keeps the served pages in step with the sources."""

    def __init__(self, root: Path, server: PreviewServer, live: dict[str, str] | None) -> None:
        self.root, self.server, self.live = root, server, live
        self.changes: queue.Queue[str] = queue.Queue()  # paths of changed sources
        self.folder = root / "build" / f"serve-{os.getpid()}"
        self.warm: dict[str, Any] = {}
        self._builds = 0
        self._lock = threading.RLock()  # held to render a page, to swap a build in, and for these:
        self._since_build: dict[str, set[Path]] = {}  # staged since a background build began
        self._wanted: dict[str, float] = {}  # when a language's background build is due
        self._wake = threading.Condition(self._lock)
        server.roots.update({prefix: None for _, prefix in LANGUAGES.values()})
        self._faults: list[Fault] = []
        self._edited = 0.0  # when the last edit was taken up
        self._closing = False
        self._builder = threading.Thread(target=self._build_in_background, daemon=True)

    def start(self) -> None:
        """Stage and build everything for the first time."""
        self._sweep()
        if self._stage() is None:
            sys.exit(1)  # the error is already printed; there is nothing to show yet
        for lang in LANGUAGES:
            self._build(lang)
        self._builder.start()

    def run(self) -> None:
        """Follow the changes, forever."""
        while True:
            changed = {self.changes.get()}
            while True:
                try:
                    changed.add(self.changes.get(timeout=QUIET))
                except queue.Empty:
                    break
            self._edited = time.monotonic() + 60.0  # not over yet
            try:
                self._follow(changed)
            except Exception:  # a fault of ours: say so and go on
                self._trouble(traceback.format_exc())
            self._edited = time.monotonic()

    def close(self) -> None:
        """End the build under way, which would write on, and remove the served pages."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._builder.is_alive():
            self._builder.join(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- an edit ------------------------------------------------------------------------------

    def _follow(self, changed: set[str]) -> None:
        started = time.perf_counter()
        staged = self._stage()
        if staged is None:
            return
        whole = any(_shapes_all_pages(self.root, path) for path in changed)
        addresses: set[str] = set()
        for lang in LANGUAGES:
            with self._lock:
                warm = self.warm.get(lang)
                if warm is None:  # its first build failed
                    self._want_build(lang, 0.0)
                    continue
                paths = {path for path in staged if path.is_relative_to(warm.docs_dir)}
                if not paths and not whole:
                    continue
                self._since_build.setdefault(lang, set()).update(paths)
                done = None if whole else warm.refresh(sorted(paths))
            addresses |= {self._address(lang, url) for url in done or ()}
            self._want_build(lang, 0.0 if done is None else CALM)
        if addresses:
            self.server.publish(addresses)
            took = time.perf_counter() - started
            print(f"{', '.join(sorted(addresses)[:4])}: {took * 1000:.0f} ms", flush=True)

    def _stage(self) -> list[Path] | None:
        """Stage what changed; None if nothing could be staged."""
        from verifolio.build import only_builder
        from verifolio.stage import stage

        try:
            with only_builder(self.root / "build"):  # a `verifolio site` at work must not find drafts
                report = stage(self.root, strict=False, live=self.live, drafts=True, cards=False)
        except AuthorError as error:
            self._trouble(str(error))
            return None
        if report.faults != self._faults:
            self._faults = report.faults
            for fault in report.faults:
                print(f"✗ {fault}", file=sys.stderr, flush=True)
            print(f"{len(report.faults)} fault(s)", file=sys.stderr, flush=True)
        self.server.trouble("")
        return report.changed

    def _trouble(self, text: str) -> None:
        print(f"✗ {text}", file=sys.stderr, flush=True)
        self.server.trouble(text)

    # --- full builds --------------------------------------------------------------------------

    def _want_build(self, lang: str, delay: float) -> None:
        with self._wake:
            self._wanted[lang] = time.monotonic() + delay
            self._wake.notify()

    def _build_in_background(self) -> None:
        while True:
            with self._wake:
                while True:
                    if self._closing:
                        return
                    due = min(self._wanted.values(), default=None)
                    left = None if due is None else due - time.monotonic()
                    if left is not None and left <= 0:
                        break
                    self._wake.wait(left)
                lang = min(self._wanted, key=self._wanted.__getitem__)
                del self._wanted[lang]
            try:
                self._build(lang)
            except _Closing:
                return
            except Exception:
                self._trouble(traceback.format_exc())

    def _build(self, lang: str) -> None:
        """Build a language in a new folder, then serve that one."""
        from mkdocs.exceptions import MkDocsException

        from verifolio.warm import WarmSite

        with self._lock:
            self._builds += 1
            folder = self.folder / f"{lang}-{self._builds}"
            self._since_build[lang] = set()
        config, prefix = LANGUAGES[lang]
        cache = self.root / "build" / "cache" / lang / "pages.sqlite"
        warm = WarmSite(self.root / config, folder, cache, self.server.url + prefix + "/" * bool(prefix))
        messages = _Messages(lang)
        logging.getLogger("mkdocs").addHandler(messages)
        try:
            warm.build(self._give_way)
        except (MkDocsException, SystemExit) as error:
            self._trouble("\n".join(messages.texts) or str(error))
            shutil.rmtree(folder, ignore_errors=True)
            return
        finally:
            logging.getLogger("mkdocs").removeHandler(messages)
        messages.show()
        with self._lock:
            late = {path for path in self._since_build[lang] if path.exists()}
            if late and warm.refresh(sorted(late)) is None:
                self._want_build(lang, 0.0)
            old = self.warm.get(lang)
            self.warm[lang] = warm
            self.server.roots[prefix] = folder
        if old:
            self.server.publish({self._address(lang, url) for url in differing(old.site_dir, folder)})
            old.close()
            shutil.rmtree(old.site_dir, ignore_errors=True)
        else:
            self.server.publish({"*"})

    def _give_way(self) -> None:
        """Two threads of Python share one core: the page that the writer waits for goes first."""
        while not self._closing and time.monotonic() < self._edited + HEADSTART:
            time.sleep(0.02)
        if self._closing:
            raise _Closing

    def _address(self, lang: str, url: str) -> str:
        if url == "*":
            return url
        prefix = LANGUAGES[lang][1]
        return "/" + (f"{prefix}/" if prefix else "") + ("" if url in (".", "./") else unquote(url))

    def _sweep(self) -> None:
        """Remove what killed previews left behind."""
        for folder in self.folder.parent.glob("serve-*"):
            pid = folder.name.removeprefix("serve-")
            if not (pid.isdigit() and _alive(int(pid))) or folder == self.folder:
                shutil.rmtree(folder, ignore_errors=True)


class _Closing(Exception):
    """The preview ends: no need to go on with a build."""


class _Messages(logging.Handler):
    """MkDocs' warnings during one build of one language, from the thread that builds it."""

    def __init__(self, lang: str) -> None:
        super().__init__(logging.WARNING)
        self.lang, self.texts, self._thread = lang, list[str](), threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(f"{self.lang}: {record.getMessage().strip()}")

    def show(self) -> None:
        for text in dict.fromkeys(self.texts):
            print(f"! {text}", file=sys.stderr, flush=True)


def differing(old: Path, new: Path) -> set[str]:
    """Addresses of the pages that are not the same in two builds; `*` if scripts or styles differ."""
    addresses = set()
    for path in new.rglob("*"):
        if path.suffix not in (".html", ".css", ".js"):
            continue
        other = old / path.relative_to(new)
        if other.is_file() and other.read_bytes() == path.read_bytes():
            continue
        if path.suffix != ".html":
            return {"*"}
        addresses.add(path.relative_to(new).as_posix().removesuffix("index.html"))
    return addresses


def _shapes_all_pages(root: Path, path: str) -> bool:
    """Whether a source is none of the pages' but of their frame: configuration, templates, hooks."""
    relative = os.path.relpath(path, root)
    return relative.startswith(("mkdocs", "site_src/overrides", "site_src/hooks"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _stop(processes: list[subprocess.Popen[Any]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
