"""Every page of the site, on a phone in light and on a desk in dark: polite, legible, in its place.

Each page is loaded once, on the one device or the other, under a strict policy; in one of its languages it is
looked at on both, by axe, too.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from looking import (
    AXE,
    AXE_COLOURS,
    AXE_WITHOUT_COLOURS,
    DEVICES,
    MEASURE,
    Look,
    Visit,
    come_near,
    faults_by_axe,
    looked_at_closely,
)
from reading import BuiltSite

Visits = Callable[[int], list[Visit]]

HALVES = pytest.mark.parametrize("half", [0, 1])  # of the pages, each on a worker of its own: see GROUPS


def looks(visits: list[Visit]) -> list[tuple[str, Look]]:
    """Every look at every page, with a name for it."""
    return [(f"{visit.url} ({device})", look) for visit in visits for device, look in visit.looks.items()]


@HALVES
def test_every_page_is_looked_at(visits: Visits, site: BuiltSite, half: int) -> None:
    seen, closely = visits(half), {page.url for page in looked_at_closely(site)}
    assert [visit.url for visit in seen] == [page.url for page in site.pages][half::2]
    for visit in seen:
        assert len(visit.looks) == (len(DEVICES) if visit.url in closely else 1)
        for device, look in visit.looks.items():
            assert look.window == DEVICES[device]["viewport"]["width"]
            assert look.texts, visit.url
    assert {next(iter(visit.looks)) for visit in seen} == DEVICES.keys()  # some loaded on each


@HALVES
def test_no_request_leaves_the_host(visits: Visits, half: int) -> None:
    foreign = {
        (visit.url, address)
        for visit in visits(half)
        for address in visit.requests
        if urlsplit(address).scheme != "data" and urlsplit(address).hostname != "127.0.0.1"
    }
    assert foreign == set()


@HALVES
def test_no_cookie_is_set(visits: Visits, half: int) -> None:
    assert {name for visit in visits(half) for name in visit.cookies} == set()


@HALVES
def test_everything_loads_and_nothing_complains(visits: Visits, half: int) -> None:
    """Under a strict Content-Security-Policy, too."""
    seen = visits(half)
    complaints = {visit.url: visit.said + visit.failed for visit in seen}
    complaints |= {name: look.missing for name, look in looks(seen)}
    assert {url: said for url, said in complaints.items() if said} == {}


@HALVES
def test_no_page_is_wider_than_its_window(visits: Visits, half: int) -> None:
    wide = {
        name: (look.width, look.beyond)
        for name, look in looks(visits(half))
        if look.width > look.window or look.beyond
    }
    assert wide == {}


@HALVES
def test_all_text_has_a_contrast_of_seven(visits: Visits, half: int) -> None:
    """Light on the phone, dark on the desk: body, numbers, muted text, charts, code."""
    faint = {
        (text["where"], text["ratio"], text["text"]) for _, look in looks(visits(half)) for text in look.faint
    }
    assert faint == set()


@pytest.mark.parametrize(
    ("style", "ratio"),
    [
        ("color: #000; background: #fff", 21),
        ("color: #777; background: #fff", 4.48),
        ("color: color(srgb 1 1 1 / 50%); background: #000", 5.32),
        ("color: #fff; background: #000; opacity: .5", 5.32),
    ],
)
def test_contrast_is_measured_right(new_page: Callable[..., Any], style: str, ratio: float) -> None:
    page = new_page()
    page.set_content(f'<body style="background:#000"><p style="{style}">text')
    assert page.evaluate(MEASURE)["least"] == pytest.approx(ratio, abs=0.1)


@HALVES
def test_all_that_is_operated_has_a_name(visits: Visits, half: int) -> None:
    assert {name: look.nameless for name, look in looks(visits(half)) if look.nameless} == {}


@HALVES
def test_axe_finds_nothing_on_any_page(visits: Visits, site: BuiltSite, half: int) -> None:
    """In one language or the other: both have the same parts."""
    seen = {visit.url: visit.axe for visit in visits(half) if visit.axe is not None}
    assert {url: wrong for url, wrong in seen.items() if wrong} == {}
    assert {page.url for page in looked_at_closely(site)} & {
        page.url for page in site.pages[half::2]
    } == seen.keys()


def test_every_page_is_looked_at_closely_in_a_language(site: BuiltSite) -> None:
    chosen = looked_at_closely(site)
    assert {page.url.removeprefix("en/") for page in chosen} == {
        page.url.removeprefix("en/") for page in site.pages
    }
    langs = [page.lang for page in chosen]
    assert min(langs.count(lang) for lang in ("zh", "en")) > len(chosen) / 3


def test_axe_finds_nothing_on_each_kind_of_page_at_a_desk(
    new_page: Callable[..., Any], site: BuiltSite, address: str
) -> None:
    """One page of each kind, colours included, the languages in turns; each kind is one folder, all projects' receipts one."""
    kinds: dict[str, dict[str, str]] = {}
    for one in site.pages:
        parts = one.url.removeprefix("en/").split("/")
        folder = "receipts" if "receipts" in parts else "/".join(parts[:-2])
        kinds.setdefault(f"{folder} {len(parts)}", {}).setdefault(one.lang, one.url)
    chosen = [
        urls.get(("zh", "en")[at % 2]) or next(iter(urls.values())) for at, urls in enumerate(kinds.values())
    ]
    found = {}
    tabs = [new_page(viewport={"width": 1280, "height": 800}) for _ in range(2)]

    def begin(at: int) -> None:
        """The next page loads while one is looked at."""
        if at < len(chosen):
            tabs[at % 2].emulate_media(color_scheme="light")
            tabs[at % 2].goto(address + chosen[at], wait_until="commit")

    begin(0)
    for at, url in enumerate(chosen):
        begin(at + 1)
        page = tabs[at % 2]
        page.wait_for_load_state("networkidle")
        come_near(page)
        found[url, "light"] = faults_by_axe(page, AXE)
        page.emulate_media(color_scheme="dark")
        come_near(page)
        found[url, "dark"] = faults_by_axe(page, AXE_COLOURS)
    assert {url: wrong for url, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("style", "rule"),
    [("color: #777", "color-contrast"), ("color: #333; text-decoration: none", "link-in-text-block")],
)
def test_axe_would_find_a_colour(new_page: Callable[..., Any], style: str, rule: str) -> None:
    page = new_page()
    page.set_content(
        f'<html lang=en><title>x</title><main><h1>x</h1><p>Some words, <a href=x style="{style}">a link</a>, more.'
    )
    assert [fault.partition(":")[0] for fault in faults_by_axe(page, AXE_COLOURS)] == [rule]


def test_axe_would_find_a_fault(new_page: Callable[..., Any]) -> None:
    page = new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><button></button></main>")
    assert [fault.partition(":")[0] for fault in faults_by_axe(page, AXE_WITHOUT_COLOURS)] == ["button-name"]


@cache
def weight(file: Path) -> int:
    """Bytes of a file as a server that compresses sends it."""
    data = file.read_bytes()
    return min(len(data), len(gzip.compress(data, 6)))


@HALVES
def test_first_view_of_each_page_weighs_at_most_200_kb(visits: Visits, site: BuiltSite, half: int) -> None:
    heavy = {}
    for visit in visits(half):
        asked = {urljoin(site.address, urlsplit(address).path) for address in visit.first}
        files = {site.file_of(address) for address in asked}
        parts = {str(file.relative_to(site.folder)): weight(file) for file in files if file}
        assert parts, visit.url
        if sum(parts.values()) > 200_000:
            heavy[visit.url] = (sum(parts.values()), sorted(parts.items(), key=lambda one: -one[1])[:6])
    assert heavy == {}


def test_an_unknown_address_shows_the_sites_own_page(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    page.goto(address + "no/such/page/")
    assert page.locator("h1").is_visible()
    assert answers[0] == 404
    assert set(answers[1:]) == {200}  # its styles are found from any depth
    page.locator("article a").first.click()
    assert page.url == address


def test_controls_on_a_phone_are_large_enough_for_a_thumb(new_page: Callable[..., Any], address: str) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    page.goto(address)
    small = page.evaluate(
        """() => [...document.querySelectorAll("header a, header button, header label, .vf-button, summary")]
             .filter(node => node.checkVisibility() && !node.matches(".vf-skip, .md-search *"))
             .map(node => [node.className || node.textContent.trim(), node.getBoundingClientRect()])
             .filter(([, box]) => box.width > 0 && (box.height < 24 || box.width < 24)).map(([name]) => name)"""
    )
    assert small == []
