"""`verifolio serve` end to end: an edit, a false claim and the local demo, seen in an open browser."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from repository import bring_rungs, copy_repository

SECONDS = 1000


@dataclass(frozen=True)
class Author:
    """Somebody who writes in `root` and looks at `url`, which `verifolio serve` serves from it."""

    root: Path
    url: str
    log: Path

    @property
    def post(self) -> Path:
        """The source of the Chinese post that binds most."""
        return max(self.root.glob("blog/*/zh.md"), key=lambda path: path.read_text("utf-8").count("{{"))

    @property
    def address(self) -> str:
        found = re.search(r"^slug:\s*(\S+)", self.post.read_text("utf-8"), flags=re.MULTILINE)
        assert found
        return f"{self.url}blog/{found.group(1)}/"

    def write(self, text: str) -> int:
        """Add a paragraph to the post; the number of its line."""
        before = self.post.read_text("utf-8").rstrip("\n")
        self.post.write_text(f"{before}\n\n{text}\n", encoding="utf-8")
        return before.count("\n") + 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def author(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    copy = tmp_path_factory.mktemp("serve") / "portfolio"
    copy_repository(copy)
    bring_rungs(copy)
    for slug in ("quantized", "rag_bot"):  # started and ended too; only the classifier's app is looked at
        (copy / "demos" / slug / "app.py").write_text("import signal\n\nsignal.pause()\n")
    for lang in ("zh", "en"):
        shutil.copytree(root / "build" / "cache" / lang, copy / "build" / "cache" / lang)
    log, port = copy / "build" / "serve.log", free_port()
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "verifolio", "serve", "--port", str(port)],
            cwd=copy,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        patience = time.monotonic() + 60
        while "ready:" not in log.read_text("utf-8"):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < patience, log.read_text("utf-8")
            time.sleep(0.1)
        yield Author(copy, f"http://127.0.0.1:{port}/", log)
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture
def reader(author: Author, new_page: Callable[..., Any]) -> Iterator[Any]:
    """A browser that has the post open; the post is as before when the test is done."""
    text = author.post.read_text("utf-8")
    page = new_page()
    page.goto(author.address)
    yield page
    author.post.write_text(text, encoding="utf-8")


def test_an_edit_shows_in_the_open_browser_by_itself(author: Author, reader: Any) -> None:
    reader.evaluate("window.opened = true")
    author.write("这一段是刚刚写的。")
    started = time.monotonic()
    reader.get_by_text("这一段是刚刚写的。").wait_for(timeout=60 * SECONDS)
    print(f"an edit took {time.monotonic() - started:.2f} s to the open browser")
    assert not reader.evaluate("window.opened === true")  # it loaded itself again


def test_a_bound_number_shows_with_its_card(author: Author, reader: Any) -> None:
    key = reader.locator("a.vf-num").first.get_attribute("data-vf")
    author.write(f"新的一句：{{{{ {key} }}}}。")
    line = reader.locator("p", has_text="新的一句")
    line.wait_for(timeout=60 * SECONDS)
    for _ in range(20):  # a page that loads again under a resting pointer waits for it to move
        reader.mouse.move(1, 1)
        line.locator("a.vf-num").hover()
        reader.wait_for_timeout(300)
        if reader.locator(".vf-card:popover-open").count():
            return
    pytest.fail("no card opened")


def test_a_false_claim_shows_its_file_and_line_until_it_is_mended(author: Author, reader: Any) -> None:
    whole = author.post.read_text("utf-8")
    found = re.search(r"\{\{ (\w+\.\w+\.\w+) \}\}", whole)
    assert found
    key = found.group(1)
    line = author.write(f"结论：{{{{claim {key} < {key}}}}}它比自己小{{{{/claim}}}}。")
    fault = reader.locator("article .vf-fault")
    fault.wait_for(timeout=60 * SECONDS)
    assert f"{author.post.relative_to(author.root).as_posix()}:{line}" in fault.inner_text()
    assert "claim is false" in fault.inner_text()
    assert key in fault.inner_text()
    author.post.write_text(whole, encoding="utf-8")
    fault.wait_for(state="detached", timeout=60 * SECONDS)


def test_an_unknown_key_shows_where_it_stands(author: Author, reader: Any) -> None:
    line = author.write("准确率 {{ no.such.key }}。")
    fault = reader.locator("article .vf-fault")
    fault.wait_for(timeout=60 * SECONDS)
    assert f"zh.md:{line}" in fault.inner_text()


def test_local_demo_answers_in_the_page(author: Author, new_page: Callable[..., Any]) -> None:
    page = new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{author.url}en/demos/classifier/")
    live = page.locator("a.vf-demo-live")
    found = re.search(r"local demo classifier: (\S+)", author.log.read_text("utf-8"))
    assert found
    assert live.get_attribute("href") == found.group(1)
    patience = time.monotonic() + 60  # Gradio takes a while to import
    while not answers(found.group(1)):
        assert time.monotonic() < patience, (author.root / "build/demos/classifier.log").read_text("utf-8")
        time.sleep(0.3)
    live.click()
    demo = page.frame_locator(".vf-demo iframe")
    demo.get_by_label("影评 · Review").fill("A warm, funny film that I loved from start to finish.")
    demo.get_by_role("button", name="判断 · Classify").click()
    verdict = demo.get_by_test_id("label-output-value")
    verdict.wait_for(timeout=60 * SECONDS)
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {
        "127.0.0.1"
    }
    assert "positive" in verdict.inner_text()
    live.click()  # the way back
    page.locator(".vf-demo-recorded").wait_for()
    assert page.locator(".vf-demo iframe").count() == 0


def test_a_demo_that_does_not_answer_says_so_in_its_frame(
    author: Author, new_page: Callable[..., Any]
) -> None:
    page = new_page()
    page.goto(f"{author.url}en/demos/classifier/")
    live = page.locator("a.vf-demo-live")
    page.route(f"{live.get_attribute('href')}**", lambda route: route.abort())
    live.click()
    page.get_by_role("status").get_by_text("does not answer").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator(".vf-demo iframe").count() == 0


def test_the_built_site_has_no_local_demo(root: Path) -> None:
    """Its address is this machine's: it belongs to the preview alone."""
    pages = list((root / "build" / "site").rglob("demos/classifier/index.html"))
    assert len(pages) == 2
    assert not [page for page in pages if "127.0.0.1" in page.read_text("utf-8").partition("<body")[2]]


def answers(url: str) -> bool:
    with socket.socket() as probe:
        host, _, port = url.removeprefix("http://").strip("/").partition(":")
        return probe.connect_ex((host, int(port))) == 0
