"""A post as its reader uses it: cards, receipts, charts, paper, and all of it with scripts off."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from reading import BuiltSite

NewPage = Callable[..., Any]
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts on", "scripts off"])
LANGS = pytest.mark.parametrize("lang", ["zh", "en"])
NUMBER = "article a.vf-num"
OPEN_CARD = ".vf-card:popover-open"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def post(new_page: NewPage, address: str, post_urls: dict[str, str]) -> Callable[..., Any]:
    """`post("zh", …)` opens the post that has most numbers."""

    def open_post(lang: str = "zh", **options: Any) -> Any:
        page = new_page(**options)
        page.goto(address + post_urls[lang])
        return page

    return open_post


def box(page: Any, selector: str) -> dict[str, float]:
    found = page.locator(selector).bounding_box()
    assert found, selector
    return dict(found)


# -- a number and its card -------------------------------------------------------------------------


@LANGS
def test_pointing_at_a_number_opens_its_card_and_leaving_closes_it(
    post: Callable[..., Any], lang: str
) -> None:
    page = post(lang)
    number = page.locator(NUMBER).first
    number.hover()
    card = page.locator(OPEN_CARD)
    card.wait_for()
    assert page.locator(OPEN_CARD).count() == 1
    assert number.get_attribute("aria-describedby") == card.get_attribute("id")
    page.mouse.move(2, 2)
    card.wait_for(state="detached")


def test_a_card_says_what_where_when_and_how(post: Callable[..., Any]) -> None:
    page = post("en")
    page.locator(NUMBER).first.hover()
    page.locator(OPEN_CARD).wait_for()
    text = page.locator(OPEN_CARD).inner_text()
    shown = page.locator(NUMBER).first.inner_text()
    assert shown.split(" ")[0] in text
    assert "verifolio run " in text
    assert re.search(r"20\d\d-\d\d-\d\d", text)
    assert page.locator(f"{OPEN_CARD} .vf-state").inner_text().strip()


def test_the_pointer_may_move_from_the_number_into_the_card(post: Callable[..., Any]) -> None:
    page = post()
    page.locator(NUMBER).first.hover()
    page.locator(OPEN_CARD).wait_for()
    page.locator(f"{OPEN_CARD} .vf-card-link").hover()
    page.wait_for_timeout(400)
    assert page.locator(OPEN_CARD).is_visible()


@LANGS
def test_a_cards_link_leads_to_the_line_of_the_receipt(post: Callable[..., Any], lang: str) -> None:
    page = post(lang)
    page.locator(NUMBER).first.hover()
    page.locator(OPEN_CARD).wait_for()
    page.locator(f"{OPEN_CARD} .vf-card-link").click()
    page.wait_for_url("**/receipts/**")
    line = page.locator(":target")
    assert line.count() == 1
    assert line.is_visible()


def test_focus_opens_a_card_and_escape_closes_it_where_one_stands(post: Callable[..., Any]) -> None:
    page = post()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.vf-num')"):
            break
    page.locator(OPEN_CARD).wait_for()
    page.keyboard.press("Escape")
    page.locator(OPEN_CARD).wait_for(state="detached")
    assert page.evaluate("document.activeElement.matches('a.vf-num')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/receipts/**")


def test_the_first_tap_opens_the_card_and_the_second_the_receipt(post: Callable[..., Any]) -> None:
    page = post(**PHONE)
    number = page.locator(NUMBER).first
    number.scroll_into_view_if_needed()
    number.tap()
    page.locator(OPEN_CARD).wait_for()
    card = box(page, OPEN_CARD)
    assert card["x"] >= 0
    assert card["x"] + card["width"] <= 360
    number.tap()
    page.wait_for_url("**/receipts/**")


def test_a_tap_elsewhere_closes_the_card(post: Callable[..., Any]) -> None:
    page = post(**PHONE)
    page.locator(NUMBER).first.tap()
    page.locator(OPEN_CARD).wait_for()
    page.locator("h1").tap()
    page.locator(OPEN_CARD).wait_for(state="detached")


# -- scripts off -----------------------------------------------------------------------------------


@LANGS
def test_a_post_reads_whole_with_scripts_off(post: Callable[..., Any], lang: str) -> None:
    page = post(lang, java_script_enabled=False)
    for selector in ("h1", NUMBER, ".vf-demo", ".vf-chart-wide svg", ".vf-code code", ".vf-exercise summary"):
        assert page.locator(selector).first.is_visible(), selector
    assert page.locator(".vf-cards").is_hidden()
    page.locator(NUMBER).first.click()
    assert "/receipts/" in page.url
    assert page.locator(":target").is_visible()


def test_solutions_open_with_scripts_off(post: Callable[..., Any]) -> None:
    page = post(java_script_enabled=False)
    exercise = page.locator(".vf-exercise details").first
    answer = exercise.locator(":scope > :not(summary)").first
    assert not answer.is_visible()
    exercise.locator("summary").click()
    assert answer.is_visible()


@SCRIPTS
def test_recorded_outputs_of_the_demo_are_there_and_change_at_a_click(
    new_page: NewPage, site: BuiltSite, address: str, *, scripts: bool
) -> None:
    pages = [page for page in site.pages if re.fullmatch(r"(en/)?demos/[^/]+/", page.url)]
    assert {page.lang for page in pages} == {"zh", "en"}
    for one in pages:
        page = new_page(java_script_enabled=scripts)
        page.goto(address + one.url)
        examples = page.locator(".vf-demo-example")
        assert examples.count() >= 2
        verdict = page.locator(".vf-demo-label").count() > 0  # else a text with its sources
        output = ".vf-demo-label" if verdict else ".vf-demo-text"
        assert examples.nth(0).locator(output).is_visible()
        assert not examples.nth(1).locator(output).is_visible()
        examples.nth(1).locator("summary").click()
        assert examples.nth(1).locator(output).is_visible()
        assert not examples.nth(0).locator(output).is_visible()
        if verdict:
            assert page.locator(".vf-demo-example mark").count() > 0
            assert re.search(r"\d\s?%", examples.nth(1).locator(".vf-demo-prob").inner_text())


# -- charts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "shown", "hidden"), [(360, "narrow", "wide"), (1280, "wide", "narrow")])
def test_a_chart_is_drawn_for_the_width_of_the_window(
    post: Callable[..., Any], width: int, shown: str, hidden: str
) -> None:
    page = post(viewport={"width": width, "height": 800})
    charts = page.locator("figure.vf-chart")
    assert charts.count() > 0
    for chart in charts.all():
        drawing = chart.locator(f".vf-chart-{shown} svg")
        assert drawing.is_visible()
        assert not chart.locator(f".vf-chart-{hidden} svg").is_visible()
        assert 100 < drawing.bounding_box()["width"] <= width


@pytest.mark.parametrize("width", [360, 1280])
def test_letters_in_charts_are_large_enough_to_read(post: Callable[..., Any], width: int) -> None:
    page = post(viewport={"width": width, "height": 800})
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll(".vf-chart text")]
             .filter(t => t.checkVisibility() && t.textContent.trim())
             .map(t => parseFloat(getComputedStyle(t).fontSize) * Math.hypot(t.getScreenCTM().a, t.getScreenCTM().b)))"""
    )
    assert smallest >= 11


def test_data_of_a_chart_opens_as_a_table(post: Callable[..., Any]) -> None:
    page = post()
    data = page.locator("figure.vf-chart .vf-data").first
    assert not data.locator("table").is_visible()
    data.locator("summary").click()
    assert data.locator("table td").first.is_visible()


# -- light and dark, motion, paper, keyboard -------------------------------------------------------


def test_the_reader_may_choose_dark_and_the_choice_is_kept(post: Callable[..., Any]) -> None:
    page = post(color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator(".vf-scheme").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    page.locator(".vf-scheme").click()
    assert page.evaluate(paper) == light


def test_nothing_moves_for_those_who_ask_for_it(post: Callable[..., Any]) -> None:
    page = post(reduced_motion="reduce")
    page.locator(NUMBER).first.hover()
    page.locator(OPEN_CARD).wait_for()
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].flatMap(node => [null, "::before", "::after"].map(part => {
             const style = getComputedStyle(node, part)
             const still = /^(0s(, )?)+$/.test(style.transitionDuration) && style.animationName === "none"
             return still ? null : node.tagName + "." + node.className + (part || "")
           })).filter(Boolean)"""
    )
    assert moving == []
    assert page.evaluate("document.getAnimations().length") == 0


@SCRIPTS
def test_paper_shows_where_each_receipt_is(post: Callable[..., Any], *, scripts: bool) -> None:
    page = post(color_scheme="dark", java_script_enabled=scripts)
    page.emulate_media(media="print", color_scheme="dark")
    if scripts:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    number = page.locator(NUMBER).first
    printed = number.evaluate("node => getComputedStyle(node, '::after').content")
    href = number.get_attribute("href")
    shown = number.evaluate("node => node.href") if scripts else href
    assert shown in printed
    assert "/receipts/" in shown
    for selector in (".vf-header", ".vf-footer", ".vf-cards", ".md-sidebar", ".headerlink"):
        assert not any(one.is_visible() for one in page.locator(selector).all()), selector
    assert page.locator("figure.vf-chart .vf-chart-wide svg").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )


def test_a_post_prints_to_pages(post: Callable[..., Any]) -> None:
    paper = post("en").pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 40


def test_the_keyboard_meets_the_skip_link_first_and_it_skips(post: Callable[..., Any]) -> None:
    page = post()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.vf-skip')")
    assert page.locator(".vf-skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#content') !== null")


@SCRIPTS
def test_the_keyboard_is_seen_wherever_it_stands(post: Callable[..., Any], *, scripts: bool) -> None:
    page = post("en", java_script_enabled=scripts)
    look = """() => {
      const node = document.activeElement
      if (node === document.body) return null
      const box = node.getBoundingClientRect(), style = getComputedStyle(node)
      return { name: node.tagName + "." + node.className + " " + (node.textContent || "").trim().slice(0, 30),
               outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
               there: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth
                 && box.bottom > 0 && box.top < innerHeight }
    }"""
    lost, stops = [], 0
    for _ in range(200):
        page.keyboard.press("Tab")
        seen = page.evaluate(look)
        if seen is None:
            break
        stops += 1
        if not (seen["outlined"] and seen["there"]):
            lost.append(seen["name"])
    assert stops > 15
    assert lost == []


# -- two languages ---------------------------------------------------------------------------------


def test_the_language_switch_keeps_the_page(
    post: Callable[..., Any], address: str, post_urls: dict[str, str]
) -> None:
    page = post("zh")
    page.locator(".vf-lang").click()
    page.wait_for_url("**/en/**")
    assert page.url == address + post_urls["en"]
    assert page.evaluate("document.documentElement.lang") == "en"
    page.locator(".vf-lang").click()
    page.wait_for_url(address + post_urls["zh"])
