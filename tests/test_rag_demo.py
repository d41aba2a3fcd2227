"""The bot's demo in Chromium: both languages, a source that opens, a refusal. Importing it starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import load_app, running_app

ROOT = Path(__file__).parents[1]
APP = ROOT / "demos" / "rag_bot" / "app.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(APP, RAG_DEMO_DATA=str(tmp_path_factory.mktemp("demo"))) as url:
        yield url


def test_importing_the_demo_opens_neither_documents_nor_model() -> None:
    module = load_app(APP)
    assert module.demo.title
    assert module._library.cache_info().currsize == module._endpoint.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("question", "expected", "document"),
    [
        ("How much is the Market Tote?", "12.50", "en/"),
        ("黑卡会员可以几天退货？", "30 天", "zh/returns.pdf"),
        ("Who founded the company?", "the documents do not say", ""),
    ],
)
def test_a_question_is_answered_with_a_source_that_opens(
    browser: Any, address: str, question: str, expected: str, document: str
) -> None:
    page = browser.new_page()
    try:
        page.goto(address)
        box = page.get_by_label("问题 · Question")
        box.wait_for(timeout=30_000)
        box.fill(question)
        box.press("Enter")
        page.locator(".bot", has_text=expected).first.wait_for(timeout=120_000)  # the first builds the index
        if document:
            link = page.locator("#sources a").first
            link.wait_for(timeout=60_000)
            assert link.inner_text().startswith(document)
            opened = page.request.get(link.evaluate("node => node.href").partition("#")[0])
            assert opened.status == 200
            assert opened.body()[:4] in (b"%PDF", b"PK\x03\x04")
    finally:
        page.close()


def test_a_visitors_document_is_quoted_as_written_and_fetches_nothing(
    browser: Any, address: str, tmp_path: Path
) -> None:
    away = "http://127.0.0.1:9/picture.png"
    note = tmp_path / "note.md"
    note.write_text(f'幸运龙的暗号是 7731，*truly* ![x]({away}) <img src="{away}">。\n', encoding="utf-8")
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        page.get_by_text("加入文件").click()
        page.set_input_files("input[type=file]", str(note))
        page.get_by_text("已加入").wait_for(timeout=120_000)
        box = page.get_by_label("问题 · Question")
        box.fill("幸运龙的暗号是多少？")  # in Chinese it always quotes, however fast the model is
        box.press("Enter")
        page.locator(".bot", has_text="[1]").wait_for(timeout=120_000)
        assert "7731，*truly* ![x](" in page.locator(".bot").inner_text()
        assert page.locator("#sources").get_by_text("7731").count()
        assert page.locator(".bot img, #sources img").count() == 0
        assert away not in asked
    finally:
        page.close()
