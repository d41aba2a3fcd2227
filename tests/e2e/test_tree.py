"""The built files alone: links, pairs of languages, headings, feeds. No browser is needed for these."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from reading import BuiltSite, Element, SitePage

LANGS = pytest.mark.parametrize("lang", ["zh", "en"])
LOADING = re.compile(
    r"(script|img|iframe|source|video|audio|embed|object|image|use)\b|link .*(stylesheet|icon|pre)"
)


def is_404(page: SitePage) -> bool:
    return page.url.endswith("404.html")


# -- links -----------------------------------------------------------------------------------------


def test_every_internal_link_and_asset_resolves(site: BuiltSite) -> None:
    broken = []
    for page in site.pages:
        for kind, reference in page.references():
            address, fragment = site.resolve(page, reference)
            if not address.startswith(site.address) or reference.startswith("data:"):
                continue
            file = site.file_of(address)
            target = site.by_file.get(file) if file else None
            if file is None or (fragment and target and fragment not in target.ids):
                broken.append((page.url, kind, reference))
    assert broken == []


def test_no_page_leads_out_of_the_site_by_a_path(site: BuiltSite) -> None:
    """A reference without a host stays below the site's folder, wherever that is published."""
    outside = []
    for page in site.pages:
        for kind, reference in page.references():
            address, _ = site.resolve(page, reference)
            if not urlsplit(reference).scheme and not address.startswith(site.address):
                outside.append((page.url, kind, reference))
    assert outside == []


def test_links_to_other_hosts_are_links_and_safe(site: BuiltSite) -> None:
    """Nothing is loaded from elsewhere; other sites are reached by https, and no script hides in a link."""
    odd = []
    for page in site.pages:
        for kind, reference in page.references():
            address, _ = site.resolve(page, reference)
            scheme = urlsplit(address).scheme
            if address.startswith(site.address) or scheme in ("data", "mailto"):
                continue
            if LOADING.match(kind) or scheme != "https":
                odd.append((page.url, kind, reference))
    assert odd == []


def test_styles_load_only_what_is_there(site: BuiltSite) -> None:
    broken = []
    for sheet in site.folder.rglob("*.css"):
        base = site.address + sheet.relative_to(site.folder).as_posix()
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        for reference in re.findall(r"""(?:url\(|@import\s)\s*["']?([^"')]+)""", text):
            address, _ = urldefrag(urljoin(base, reference))
            if not reference.startswith(("data:", "#")) and site.file_of(address) is None:
                broken.append((sheet.name, reference))
    assert broken == []


def test_every_number_links_to_a_line_of_a_receipt(site: BuiltSite) -> None:
    numbers, lost = 0, []
    for page in site.pages:
        for link in page.tree.find("a", class_name="vf-num"):
            numbers += 1
            address, fragment = site.resolve(page, link.attrs["href"])
            receipt = site.by_file.get(site.file_of(address) or Path())
            if receipt is None or "/receipts/" not in address or fragment not in receipt.ids:
                lost.append((page.url, link.attrs["href"]))
    assert lost == []
    assert numbers > 0


NUMBER = re.compile(r"[-−+]?\d[\d,]*(\.\d+)?")


def test_a_linked_receipt_line_says_what_the_number_says(site: BuiltSite) -> None:
    """For whole metrics shown in their own unit: the prose and the receipt agree to the digits shown."""
    compared, differing = 0, []
    for page in site.pages:
        for link in page.tree.find("a", class_name="vf-num"):
            if not re.fullmatch(r"\w+\.\w+\.\w+", link.attrs["data-vf"]):
                continue
            address, fragment = site.resolve(page, link.attrs["href"])
            receipt = site.by_file[site.file_of(address) or Path()]
            proof = receipt.tree.find(id=fragment)[0].find("span")[1].text
            said, proved = NUMBER.match(link.text), NUMBER.match(proof)
            assert said, (page.url, link.text)
            assert proved, (receipt.url, proof)
            rest = re.sub(r"\s*[（(].*", "", link.text[said.end() :])  # an interval may follow
            if rest.strip() != proof[proved.end() :].strip():
                continue  # in another unit
            compared += 1
            first, second = (float(one.group().replace(",", "").replace("−", "-")) for one in (said, proved))
            digits = min(
                len(one.group(1) or ".") - 1 for one in (said, proved)
            )  # prose may ask for more, or fewer
            if abs(first - second) > 10.0**-digits:
                differing.append((page.url, link.text, proof))
    assert differing == []
    assert compared > 0


def test_every_number_of_a_page_has_its_card(site: BuiltSite) -> None:
    lost = []
    for page in site.pages:
        if not page.tree.find(class_name="vf-cards"):
            continue
        for link in page.tree.find("a", class_name="vf-num"):
            card = "vf-card-" + re.sub(r"[^A-Za-z0-9.-]", "-", link.attrs["data-vf"])
            if card not in page.ids:
                lost.append((page.url, card))
    assert lost == []


# -- languages -------------------------------------------------------------------------------------


def test_both_languages_have_the_same_pages(site: BuiltSite) -> None:
    """Categories and tags have names of their own in each language."""
    pages: dict[str, set[str]] = {"zh": set(), "en": set()}
    for page in site.pages:
        if "/category/" not in page.url:
            pages[page.lang].add(page.url.removeprefix("en/"))
    assert pages["zh"] == pages["en"]


def test_every_page_says_its_language(site: BuiltSite) -> None:
    wrong = [page.url for page in site.pages if page.tree.find("html")[0].attrs["lang"][:2] != page.lang]
    assert wrong == []


def alternates(page: SitePage) -> dict[str, str]:
    links = page.tree.find("link")
    return {one.attrs["hreflang"]: one.attrs["href"] for one in links if "hreflang" in one.attrs}


def test_every_page_names_its_pair_and_the_pair_names_it_back(site: BuiltSite) -> None:
    for page in site.pages:
        if is_404(page) or "/category/" in page.url:
            continue
        named = alternates(page)
        assert named.keys() == {"zh", "en"}, page.url
        assert named[page.lang] == site.address + page.url
        pair = site.by_file[site.file_of(named["en" if page.lang == "zh" else "zh"]) or Path()]
        assert alternates(pair) == named


def test_canonical_address_of_a_page_is_its_own(site: BuiltSite) -> None:
    for page in site.pages:
        canonical = page.tree.find("link", rel="canonical")
        assert [one.attrs["href"] for one in canonical] == ([] if is_404(page) else [site.address + page.url])


def test_language_switch_leads_to_the_same_page(site: BuiltSite) -> None:
    for page in site.pages:
        switch = page.tree.find("a", class_name="vf-lang")
        assert len(switch) == 1, page.url
        address, _ = site.resolve(page, switch[0].attrs["href"])
        other = "" if page.lang == "en" else "en/"
        path = page.url.removeprefix("en/")
        path = "" if is_404(page) else "blog/" if "/category/" in page.url else path
        assert address == site.address + other + path


# -- headings, names, texts ------------------------------------------------------------------------


def test_every_page_has_one_h1(site: BuiltSite) -> None:
    counts = {page.url: [one.tag for one in page.headings].count("h1") for page in site.pages}
    assert {url: count for url, count in counts.items() if count != 1} == {}


def test_headings_are_in_order(site: BuiltSite) -> None:
    leaps = []
    for page in site.pages:
        levels = [int(one.tag[1]) for one in page.headings]
        leaps += [
            (page.url, page.headings[at].text)
            for at, level in enumerate(levels)
            if level > (levels[at - 1] if at else 0) + 1
        ]
    assert leaps == []


def test_no_heading_and_no_title_is_empty(site: BuiltSite) -> None:
    empty = [page.url for page in site.pages if not all(one.text for one in page.headings)]
    empty += [page.url for page in site.pages if not page.tree.find("title")[0].text]
    assert empty == []


def test_every_page_describes_itself(site: BuiltSite) -> None:
    bare = [
        page.url
        for page in site.pages
        if not page.tree.find("meta", name="description")[0].attrs.get("content")
    ]
    assert bare == []


def test_titles_of_pages_differ(site: BuiltSite) -> None:
    for lang in ("zh", "en"):
        titles = [page.tree.find("title")[0].text for page in site.pages if page.lang == lang]
        assert sorted(set(titles)) == sorted(titles)


def test_ids_are_unique(site: BuiltSite) -> None:
    counted = {page.url: Counter(page.ids) for page in site.pages}
    twice = {url: sorted(one for one, n in counts.items() if n > 1) for url, counts in counted.items()}
    assert {url: ids for url, ids in twice.items() if ids} == {}


def has_name(image: Element) -> bool:
    at: Element | None = image
    while at is not None:
        hidden, role = at.attrs.get("aria-hidden"), at.attrs.get("role")
        if hidden == "true" or (role == "img" and at.attrs.get("aria-label")):
            return True
        at = at.parent
    if image.tag == "svg":  # within a link or button that has a name, it says nothing of its own
        return image.within("button", "a", "label")
    alt = image.attrs.get("alt")
    return alt is not None and "no description" not in alt.lower()


def test_every_picture_has_words(site: BuiltSite) -> None:
    mute = [
        (page.url, image.tag, image.attrs)
        for page in site.pages
        for image in page.tree.walk()
        if image.tag in ("img", "svg") and not has_name(image)
    ]
    assert mute == []


def test_every_chart_tells_its_finding_and_holds_its_data(site: BuiltSite) -> None:
    charts = [
        (page, chart) for page in site.pages for chart in page.tree.find("figure", class_name="vf-chart")
    ]
    assert charts
    for page, chart in charts:
        assert chart.find("figcaption")[0].text, page.url
        for width in ("wide", "narrow"):
            drawing = chart.find(class_name=f"vf-chart-{width}")[0]
            assert len(drawing.find("svg")) == 1, page.url
            assert len(drawing.attrs["aria-label"]) > 5, page.url
        assert len(chart.find("details", class_name="vf-data")[0].find("tr")) > 1, page.url


def test_nothing_unbound_or_wrong_is_left_in_a_page(site: BuiltSite) -> None:
    """Binding's own syntax, faults, and what a template prints for a value that isn't there."""
    odd = []
    for page in site.pages:
        assert not page.tree.find(class_name="vf-fault"), page.url
        for one in page.tree.walk():
            if one.within("code", "pre", "script", "style", "head"):
                continue
            for text in one.children:
                if (
                    isinstance(text, str)
                    and re.search(r"\{\{|\}\}|^:::|\{%|^\s*(None|NaN|undefined)\s*$", text)
                    and not (one.tag == "td" and text.strip() == "None" and "open" in page.url)
                ):  # a documented default
                    odd.append((page.url, one.tag, text.strip()[:60]))
    assert odd == []


def in_language(element: Element | None) -> str:
    while element is not None and "lang" not in element.attrs:
        element = element.parent
    return element.attrs["lang"][:2] if element else ""


def test_english_words_have_no_full_width_punctuation(site: BuiltSite) -> None:
    odd = [
        (page.url, text.strip()[:60])
        for page in site.pages
        for one in page.tree.walk()
        for text in one.children
        if isinstance(text, str)
        and re.search("[，。：；？！（）、]", text)
        and in_language(one) == "en"
        and not one.within("code", "pre", "script", "style", "title")
        # a cell may hold a Chinese question as it was recorded
        and not (one.within("td") and re.search("[\u3400-\u9fff]", text))
    ]
    assert odd == []


# -- the blog --------------------------------------------------------------------------------------


@LANGS
def test_posts_are_in_the_archive_a_category_and_the_tags(site: BuiltSite, lang: str) -> None:
    prefix = "en/" if lang == "en" else ""
    for part in ("blog/archive/", "blog/category/", "tags/"):
        lists = [page for page in site.pages if page.url.startswith(prefix + part)]
        linked = {
            urljoin(site.address + page.url, link.attrs["href"]).partition("#")[0].removeprefix(site.address)
            for page in lists
            for link in page.tree.find("a")
            if "href" in link.attrs
        }
        assert {post.url for post in site.posts(lang)} <= linked, part


@LANGS
def test_posts_say_how_long_they_take_to_read(site: BuiltSite, lang: str) -> None:
    for post in site.posts(lang):
        meta = post.tree.find(class_name="vf-post-meta")[0]
        found = re.search(r"(\d+) (分钟读完|min read)", meta.text)
        assert found, post.url
        assert 1 <= int(found.group(1)) <= 60


@LANGS
def test_posts_carry_their_receipts_a_citation_and_a_date(site: BuiltSite, lang: str) -> None:
    for post in site.posts(lang):
        assert post.tree.find("time")[0].attrs["datetime"], post.url
        assert "@misc{" in post.tree.text, post.url
        if post.tree.find("a", class_name="vf-num"):
            assert post.tree.find("ul", class_name="vf-receipts")[0].find("a"), post.url


@LANGS
@pytest.mark.parametrize("name", ["feed_rss_created.xml", "feed_rss_updated.xml"])
def test_feeds_are_valid_and_hold_the_posts(site: BuiltSite, lang: str, name: str) -> None:
    file = site.folder / ("en" if lang == "en" else "") / name
    channel = ET.parse(file).getroot().find("channel")
    assert channel is not None
    assert [one for one in ("title", "link", "description") if not channel.findtext(one)] == []
    items = {item.findtext("link", "").partition("?")[0]: item for item in channel.findall("item")}
    assert {unquote(link) for link in items} == {
        site.address + unquote(post.url) for post in site.posts(lang)
    }
    for item in items.values():
        assert item.findtext("title")
        assert item.findtext("guid")
        assert parsedate_to_datetime(item.findtext("pubDate", ""))


@LANGS
def test_feed_of_each_language_is_named_by_its_pages(site: BuiltSite, lang: str) -> None:
    expected = site.address + ("en/" if lang == "en" else "") + "feed_rss_created.xml"
    for page in site.pages:
        if page.lang == lang and not is_404(page):
            feeds = page.tree.find("link", type="application/rss+xml")
            assert [site.resolve(page, feed.attrs["href"])[0] for feed in feeds] == [expected]


@LANGS
def test_site_map_lists_the_pages(site: BuiltSite, lang: str) -> None:
    prefix = "en/" if lang == "en" else ""
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    places = ET.parse(site.folder / prefix / "sitemap.xml").getroot().findall("s:url/s:loc", names)
    listed = {unquote(place.text or "") for place in places}
    pages = {page for page in site.pages if page.lang == lang and not is_404(page)}
    assert listed == {site.address + unquote(page.url) for page in pages}


# -- home, receipts, notebooks ---------------------------------------------------------------------


@LANGS
def test_home_shows_twelve_weeks_three_demos_and_the_posts(site: BuiltSite, lang: str) -> None:
    home = site.page("en/" if lang == "en" else "")
    for tiles, count in (("vf-week", 12), ("vf-demo-tile", 3)):
        found = home.tree.find("li", class_name=tiles)
        assert len(found) == count
        assert all(one.find(class_name="vf-state")[0].text for one in found)
    links = [site.resolve(home, one.attrs.get("href", "#"))[0] for one in home.tree.find("a")]
    for post in site.posts(lang):
        assert site.address + post.url in links


@LANGS
def test_a_published_week_leads_to_its_post_and_a_planned_one_nowhere(site: BuiltSite, lang: str) -> None:
    for week in site.page("en/" if lang == "en" else "").tree.find("li", class_name="vf-week"):
        if week.attrs["data-state"] in ("published", "planned"):
            assert bool(week.find("a")) == (week.attrs["data-state"] == "published")


def receipts(site: BuiltSite) -> list[SitePage]:
    found = [page for page in site.pages if re.fullmatch(r"(en/)?receipts/[^/]+/[^/]+/", page.url)]
    assert found
    return found


def test_a_receipt_is_whole(site: BuiltSite) -> None:
    """What was measured, the command again, inputs with hashes, the machine, a total and a code."""
    for page in receipts(site):
        assert page.tree.find(class_name="vf-receipt-line"), page.url
        commands = [one.text for one in page.tree.find("pre")]
        assert any(re.search(r"verifolio run \w+\.\w+", text) for text in commands), page.url
        assert page.tree.find(class_name="vf-receipt-total"), page.url
        assert re.search(r"sha256 [0-9a-f]{4}", page.tree.find(class_name="vf-receipt-code")[0].text), (
            page.url
        )
        for source in page.tree.find(class_name="vf-receipt-item"):
            hashes = [one.attrs["title"] for one in source.find("code") if "title" in one.attrs]
            assert all(re.fullmatch("SHA-256 [0-9a-f]{64}", one) for one in hashes), page.url
            assert hashes, page.url
        assert "CPU / RAM" in page.tree.text, page.url


def test_everything_published_is_fresh(site: BuiltSite) -> None:
    stale = [page.url for page in site.pages if page.tree.find(class_name="vf-stale")]
    assert stale == []
    assert all(page.tree.find(class_name="vf-fresh") for page in receipts(site))


@LANGS
def test_a_notebook_shows_its_cells_and_what_came_of_them(site: BuiltSite, lang: str) -> None:
    pages = [page for page in site.pages if page.lang == lang and "notebooks/" in page.url]
    assert pages
    for page in pages:
        assert page.tree.find(class_name="jp-CodeCell"), page.url
        assert [one for one in page.tree.find("pre") if one.within("div") and one.find("span")], page.url
        assert not [one for one in page.tree.find("script") if "://" in one.attrs.get("src", "")]
        assert not page.tree.find(class_name="jp-mod-error"), page.url
