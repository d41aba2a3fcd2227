"""The road map's states follow from results, posts, demos and pages; none can be claimed by hand."""

from __future__ import annotations

import re

import pytest

from verifolio.errors import AuthorError
from verifolio.stage import stage

KEPT = "results: [toy.measure]\n      demo: toy\n      post: first-numbers\n      page: about.md"


def weeks(workbench, *promises: str) -> None:
    items = "".join(f"    - what: {{zh: 诺言, en: Promise}}\n      {one}\n" for one in promises)
    workbench.write(
        "blog/weeks.yml",
        f"- week: 1\n  title: {{zh: 第一, en: First}}\n  promises:\n{items}- {{week: 2, title: {{zh: 二, en: Two}}}}\n"
        "- {week: 3, title: {zh: 三, en: Three}}\n",
    )
    workbench.write("site_src/roadmap.en.md", "# Map\n\n::: roadmap :::\n\n::: weeks :::\n")
    workbench.write("site_src/roadmap.zh.md", "# 图\n\n::: roadmap :::\n\n::: weeks :::\n")


def states(workbench, lang: str = "en") -> tuple[list[str], list[str]]:
    """(of the promises, of the week tiles)"""
    stage(workbench.root, strict=False)
    page = workbench.read(f"build/docs/{lang}/roadmap.md")
    found = re.findall(r'<li( class="vf-week")? data-state="(\w+)"', page)
    return [state for tile, state in found if not tile], [state for tile, state in found if tile]


def test_a_promise_with_fresh_bound_results_a_demo_a_post_and_a_page_is_published(workbench):
    weeks(workbench, KEPT)
    assert states(workbench) == (["published"], ["published", "published", "planned"])
    assert states(workbench, "zh") == states(workbench, "en")


@pytest.mark.parametrize(
    ("promise", "state"),
    [
        ("results: []", "planned"),
        ("post: not-yet-written", "planned"),
        ("results: [toy.measure]\n      post: not-yet-written", "in_progress"),
    ],
)
def test_a_promise_without_all_its_evidence_is_not_published(workbench, promise, state):
    weeks(workbench, KEPT, promise)
    promises, tiles = states(workbench)
    assert promises == ["published", state]
    assert tiles[0] == "in_progress"


def test_a_result_that_no_published_post_binds_is_in_progress(workbench):
    weeks(workbench, "results: [toy.export]")
    for lang in ("zh", "en"):
        for name in ("first-numbers", "second-look"):
            post = f"blog/{name}/{lang}.md"
            workbench.write(post, re.sub(r"(?m)^::: demo toy.*$", "", workbench.read(post)))
    assert states(workbench)[0] == ["in_progress"]


def test_a_draft_publishes_nothing(workbench):
    weeks(workbench, KEPT)
    for lang in ("zh", "en"):
        workbench.edit(f"blog/first-numbers/{lang}.md", "week: 1", "week: 1\ndraft: true")
    promises, tiles = states(workbench)
    assert promises == ["in_progress"]
    assert tiles[0] == "in_progress"


def test_changed_code_makes_promise_and_week_stale(workbench):
    weeks(workbench, KEPT)
    path = "projects/toy/measure.py"
    workbench.write(path, workbench.read(path) + "\nCHANGED = 1\n")
    promises, tiles = states(workbench)
    assert promises == ["stale"]
    assert tiles[0] == "stale"


def test_a_missing_result_is_planned_not_stale(workbench):
    weeks(workbench, "results: [toy.compare]")
    (workbench.root / "projects/toy/results/compare.json").unlink()
    assert states(workbench)[0] == ["planned"]


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        ("results: [toy.mesure]", "Did you mean"),
        ("demo: tooy", "demo ‘tooy’, which is not declared"),
        ("page: nowhere.md", "a promise names the page nowhere.md"),
    ],
)
def test_a_misspelt_name_is_a_fault_not_a_plan(workbench, promise, words):
    weeks(workbench, promise)
    with pytest.raises(AuthorError) as caught:
        stage(workbench.root)
    told = " ".join(str(one) for one in caught.value.faults)
    assert "blog/weeks.yml" in told
    assert words.lower() in told.lower()


def test_a_state_cannot_be_written_by_hand(workbench):
    weeks(workbench, "results: [toy.measure]\n      state: published")
    done = workbench.verifolio("check")
    assert done.code != 0
    assert "blog/weeks.yml: Object contains unknown field `state`" in done.said


def test_evidence_is_linked(workbench):
    weeks(workbench, KEPT)
    stage(workbench.root, strict=False)
    page = workbench.read("build/docs/en/roadmap.md")
    for target in ("../receipts/toy/measure/", "../demos/toy/", "../blog/first-numbers/", "../about/"):
        assert f'href="{target}"' in page
