"""Drafts and scheduled posts: out of the site until their day, checked all the same."""

from __future__ import annotations

import datetime

import pytest

from verifolio.check import check
from verifolio.stage import stage

TODAY = datetime.datetime.now(datetime.UTC).date()
LATER = TODAY + datetime.timedelta(days=3)
DRAFT = "week: 2\ndraft: true"


def hold_back(workbench, how: str) -> None:
    for lang in ("zh", "en"):
        path = f"blog/second-look/{lang}.md"
        if how == "draft":
            workbench.edit(path, "week: 2", DRAFT)
        else:
            workbench.edit(path, "date: 2026-11-09", f"date: {LATER}")


def staged(workbench, name: str) -> str:
    return workbench.read(f"build/docs/en/{name}")


@pytest.mark.parametrize("how", ["draft", "scheduled"])
def test_a_post_that_is_not_out_is_neither_a_page_nor_in_any_list(workbench, how):
    hold_back(workbench, how)
    stage(workbench.root)
    assert not (workbench.root / "build/docs/en/blog/posts/second-look.md").exists()
    for page in (workbench.root / "build/docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert "second-look" not in text, page
        assert "A short post without" not in text, page
    assert 'data-state="planned"><span class="vf-week-no">02' in staged(workbench, "index.md")


@pytest.mark.parametrize(("how", "mark"), [("draft", "draft"), ("scheduled", "scheduled")])
def test_the_preview_shows_it_and_says_what_it_is(workbench, how, mark):
    hold_back(workbench, how)
    stage(workbench.root, drafts=True)
    assert f'mark: "{mark}"' in staged(workbench, "blog/posts/second-look.md")
    assert f">{mark}</span>" in staged(workbench, "index.md")


@pytest.mark.parametrize("how", ["draft", "scheduled"])
def test_it_is_checked_like_any_other(workbench, how):
    hold_back(workbench, how)
    assert check(workbench.root) == []
    workbench.edit("blog/second-look/en.md", "short post.", "short post: {{ toy.measure.acuracy }}.")
    assert any("acuracy" in fault.message for fault in check(workbench.root))


def test_its_links_are_checked_and_nobody_may_link_to_it_yet(workbench):
    hold_back(workbench, "draft")
    workbench.edit("blog/second-look/en.md", "short post.", "short [post](nowhere.md).")
    workbench.edit("blog/first-numbers/en.md", "week: 1\n", "week: 1\nupdated: 2026-11-08\n")
    text = workbench.read("blog/first-numbers/en.md")
    workbench.write("blog/first-numbers/en.md", text + "\n[next](second-look.md)\n")
    told = {(fault.message, fault.hint) for fault in check(workbench.root)}
    assert any("nowhere.md" in message for message, _ in told)
    assert any("second-look.md" in message and "is a draft" in hint for message, hint in told)


def test_a_scheduled_post_appears_on_its_day_in_the_sites_own_time_zone(workbench, monkeypatch):
    midnight = datetime.datetime(2026, 11, 8, 16, 0, tzinfo=datetime.UTC)  # 9 November in Shanghai
    page = workbench.root / "build/docs/zh/blog/posts/second-look.md"
    workbench.edit("mkdocs.yml", "  generator: false", "  generator: false\n  time_zone: Asia/Shanghai")
    for seconds, out in ((-1, False), (0, True)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(midnight.timestamp()) + seconds))
        stage(workbench.root)
        assert page.exists() == out


def test_an_unknown_time_zone_is_named(workbench):
    workbench.edit("mkdocs.yml", "  generator: false", "  generator: false\n  time_zone: Asia/Shangai")
    done = workbench.verifolio("check")
    assert done.code == 1
    assert "mkdocs.yml: extra.time_zone: no time zone ‘Asia/Shangai’" in done.said


def test_the_preview_is_built_beside_the_site_and_leaves_it_alone(workbench):
    hold_back(workbench, "draft")
    assert workbench.verifolio("site", "--no-run").code == 0
    done = workbench.verifolio("site", "--no-run", "--drafts")
    assert "build/preview/index.html" in done.said, done.said
    root = workbench.root / "build"
    assert (root / "preview/blog/second-look/index.html").exists()
    assert not (root / "site/blog/second-look/index.html").exists()
    for name in ("sitemap.xml", "search/search_index.json"):
        assert "second-look" not in (root / "site" / name).read_text(encoding="utf-8")
    assert "nothing changed" in workbench.verifolio("site", "--no-run").said


def test_a_draft_in_one_language_only_is_a_fault(workbench):
    workbench.edit("blog/second-look/en.md", "week: 2", DRAFT)
    assert any("draft is True" in fault.message for fault in check(workbench.root))
