"""Search in the built site finds words where readers know them from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import TimeoutError
from reading import BuiltSite

CHINESE = re.compile(r"[\u4e00-\u9fff]{2,}")


def search(page: Any, word: str) -> list[str]:
    """Addresses of the first results, in their order."""
    page.locator(".vf-search-open").click()
    page.locator("[data-md-component=search-query]").press_sequentially(word, delay=10)
    page.locator(".md-search-result__link").first.wait_for(timeout=45_000)
    return [one.evaluate("node => node.href") for one in page.locator(".md-search-result__link").all()]


def finds(page: Any, word: str, address: str) -> bool:
    """Whether a search for the whole word, in a search that is open, leads to this address."""
    query, links = page.locator("[data-md-component=search-query]"), ".md-search-result__link"
    for text in ("", word):
        query.fill(text)
        query.press("End")
        if not text:  # what the word before it found is gone
            page.wait_for_function(f"!document.querySelector('{links}')")
    try:
        page.wait_for_function(
            f"at => [...document.querySelectorAll('{links}')].some(one => one.href.split(/[?#]/)[0] === at)",
            arg=address,
            timeout=45_000,
        )
    except TimeoutError:
        return False
    return True


def chinese_word_inside(title: str) -> str:
    """A word with other Han characters before it in the title, as jieba cuts it."""
    import jieba

    words = [word for run in CHINESE.findall(title) for word in jieba.lcut(run)[1:] if len(word) > 1]
    return max(words, key=len, default="")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in jieba's own source
def test_a_chinese_word_in_the_middle_of_a_title_is_found(
    new_page: Callable[..., Any], site: BuiltSite, address: str
) -> None:
    words = {post.url: chinese_word_inside(post.title) for post in site.posts("zh")}
    assert any(words.values())
    page = new_page()
    page.goto(address)
    page.locator(".vf-search-open").click()
    assert [word for url, word in words.items() if word and not finds(page, word, address + url)] == []


def test_an_english_word_is_found(new_page: Callable[..., Any], site: BuiltSite, address: str) -> None:
    words = {post.url: max(re.findall(r"[A-Za-z]{4,}", post.title), key=len) for post in site.posts("en")}
    page = new_page()
    page.goto(address + "en/")
    page.locator(".vf-search-open").click()
    assert [word for url, word in words.items() if not finds(page, word, address + url)] == []


def test_search_works_under_a_strict_policy(new_page: Callable[..., Any], guarded_address: str) -> None:
    page = new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(guarded_address + "en/")
    assert search(page, "receipt")
    assert complaints == []


def test_search_opens_and_closes_by_keyboard(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    page.goto(address + "en/")
    page.locator(".vf-search-open").focus()
    page.keyboard.press("Enter")
    query = page.locator("[data-md-component=search-query]")
    assert query.is_visible()
    assert query.evaluate("node => node === document.activeElement")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('#__search').checked")


def asked_for_index(page: Any) -> list[str]:
    """Requests for the index, from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "search_index" in request.url else None)
    return asked


def test_the_index_is_fetched_only_when_somebody_searches(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    asked = asked_for_index(page)
    page.goto(address + "en/", wait_until="networkidle")
    page.wait_for_timeout(500)
    assert asked == []
    assert search(page, "receipt")
    assert len(asked) == 1


@pytest.mark.parametrize("key", ["/", "s"])
def test_a_key_opens_the_search(new_page: Callable[..., Any], address: str, key: str) -> None:
    page = new_page()
    page.goto(address + "en/", wait_until="networkidle")
    page.keyboard.press(key)
    page.keyboard.type("receipt", delay=10)
    page.locator(".md-search-result__link").first.wait_for(timeout=45_000)
    assert page.locator("[data-md-component=search-query]").input_value() == "receipt"


def test_a_link_to_a_search_shows_what_it_finds(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    page.goto(address + "en/?q=receipt")
    page.locator(".md-search-result__link").first.wait_for(timeout=45_000)


def test_a_result_marks_the_word_on_its_page(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    page.goto(address + "en/")
    found = next(url for url in search(page, "receipt") if "h=receipt" in url.lower())
    page.goto(found)
    page.locator("article mark").first.wait_for(timeout=45_000)


def test_closing_the_search_gives_the_focus_back(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    page.goto(address + "en/")
    page.locator(".vf-search-open").click()
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.vf-search-open')")
    search(page, "receipt")  # now the theme's script is there, too, and hears the key
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.vf-search-open')")


def test_a_closed_search_is_left_at_once(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    page.goto(address + "en/")
    page.locator(".vf-search-open").click()
    # Within one task, since the theme's script may come in the next one: it opens a search that has the cursor.
    left = page.evaluate(
        """() => {
            const query = document.querySelector("[data-md-component=search-query]")
            const before = document.activeElement === query
            dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }))
            return [before, document.activeElement === query, document.getElementById("__search").checked]
        }"""
    )
    assert left == [True, False, False]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_cards_and_recorded_outputs_are_not_in_the_index(site: BuiltSite, lang: str) -> None:
    prefix = "en/" if lang == "en" else ""
    index = json.loads((site.folder / prefix / "search/search_index.json").read_text("utf-8"))
    # A receipt holds the whole table of examples in words that may well be found.
    text = " ".join(one["text"] for one in index["docs"] if not one["location"].startswith("receipts/"))
    home = site.page(prefix)
    for hidden in (*home.tree.find(class_name="vf-demo-input"), *home.tree.find(class_name="vf-card-label")):
        assert hidden.text not in text
