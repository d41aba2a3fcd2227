"""Posts: front matter that says what it must, and two languages that say the same."""

from __future__ import annotations

import pytest

from verifolio.check import check
from verifolio.posts import read_posts

ZH, EN = "blog/second-look/zh.md", "blog/second-look/en.md"


def told(workbench) -> list[tuple[str, int, str]]:
    return [(fault.path, fault.line, fault.message) for fault in check(workbench.root)]


def test_posts_are_read_newest_first(workbench):
    posts, faults = read_posts(workbench.root)
    assert [(post.meta.slug, post.lang) for post in posts] == [
        ("second-look", "zh"), ("second-look", "en"), ("first-numbers", "zh"), ("first-numbers", "en"),
    ]  # fmt: skip
    assert faults == []


FRONT_MATTER = [
    # old, new, line, reason
    ("title: A second look", "title: A: second: look", 2, "broken YAML: mapping values are not allowed"),
    ("categories: [Basics]", "categories: [Basics", 8, "broken YAML"),
    ("title: A second look", "title: A second look\n\tweek: 2", 3, "broken YAML"),
    ("week: 2", "week: 2\ncategorys: [x]", 7, "unknown key ‘categorys’ in front matter"),
    ("week: 2", "week: two", 1, "front matter: Expected `int | null`, got `str`"),
    ("date: 2026-11-09", "date: yesterday", 1, "front matter: "),
    ("date: 2026-11-09\n", "", 1, "missing required field `date`"),
    ("title: A second look\n", "", 1, "missing required field `title`"),
    ("slug: second-look", "slug: Second Look", 1, "slug ‘Second Look’"),
    ("slug: second-look", "slug: ../../etc", 1, "slug ‘../../etc’"),
]


@pytest.mark.parametrize(("old", "new", "line", "reason"), FRONT_MATTER)
def test_odd_front_matter_is_named_with_file_and_line(workbench, old, new, line, reason):
    revert = workbench.edit(EN, old, new)
    faults = told(workbench)
    assert any(one[:2] == (EN, line) and reason in one[2] for one in faults), faults
    revert()
    assert told(workbench) == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("---\ntitle: x\n", 1, "front matter is not closed"),
        ("---\n- a\n- b\n---\n", 2, "front matter is not a list of keys"),
        ("---\n---\nwords\n", 1, "missing required field"),
        ("no front matter\n", 1, "missing required field"),
        ("", 1, "missing required field"),
    ],
)
def test_a_post_without_proper_front_matter_is_named(workbench, text, line, reason):
    workbench.write(EN, text)
    assert any(one[:2] == (EN, line) and reason in one[2] for one in told(workbench))


def test_a_post_that_is_not_utf8_is_named(workbench):
    (workbench.root / EN).write_bytes("---\ntitle: 标题\n---\n".encode("gbk"))
    assert any(one[0] == EN and "not UTF-8" in one[2] for one in told(workbench))


def test_a_slug_taken_twice_names_both_posts(workbench):
    workbench.edit(EN, "slug: second-look", "slug: first-numbers")
    assert (EN, 1, "slug ‘first-numbers’ is taken by blog/first-numbers/en.md") in told(workbench)


def test_windows_line_ends_change_nothing(workbench):
    path = workbench.root / EN
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert told(workbench) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_missing_translation_names_the_file_to_write(workbench, lang):
    (workbench.root / f"blog/second-look/{lang}.md").unlink()
    assert (f"blog/second-look/{lang}.md", 0, "missing translation") in told(workbench)


@pytest.mark.parametrize(
    ("old", "new", "blamed", "reason"),
    [
        (
            "slug: second-look",
            "slug: another",
            EN,
            "slug is another, in blog/second-look/zh.md it is second-look",
        ),
        ("date: 2026-11-09", "date: 2026-11-10", EN, "date is 2026-11-10"),
        ("week: 2", "week: 3", EN, "week is 3"),
        ("{{ toy.compare.baseline }}", "high", EN, "this translation does not"),
        ("short post.", "short post of {{ toy.measure.weights }}.", ZH, "this original does not"),
        ("short post.", "short post.\n\n::: code projects/toy/measure.py#score :::\n", ZH, "quotes"),
        (
            "short post.",
            "{{claim toy.measure.accuracy > 0}}x{{/claim}}",
            ZH,
            "claim toy.measure.accuracy > 0",
        ),
    ],
)
def test_languages_that_say_different_things_are_told_apart(workbench, old, new, blamed, reason):
    workbench.edit(EN, old, new)
    assert any(one[0] == blamed and reason in one[2] for one in told(workbench)), told(workbench)


def test_the_same_bindings_in_another_order_are_the_same(workbench):
    for lang in ("zh", "en"):
        path = f"blog/second-look/{lang}.md"
        workbench.write(path, workbench.read(path) + "\n{{ toy.measure.accuracy }}\n")
    text = workbench.read(EN).replace("{{ toy.measure.accuracy }}", "")
    workbench.write(EN, text.replace("The baseline", "{{ toy.measure.accuracy }} is more. The baseline"))
    assert told(workbench) == []


def test_a_missing_notebook_is_a_fault(workbench):
    for lang in ("zh", "en"):
        workbench.edit(f"blog/second-look/{lang}.md", "week: 2", "week: 2\nnotebook: projects/toy/gone.ipynb")
    assert (EN, 1, "notebook projects/toy/gone.ipynb is missing") in told(workbench)


def test_broken_weeks_are_named(workbench):
    workbench.edit("blog/weeks.yml", "week: 3", "weak: 3")
    done = workbench.verifolio("check")
    assert "blog/weeks.yml: Object contains unknown field `weak`" in done.said


def test_prose_and_a_look_at_each_block_make_the_reading_time():
    from verifolio.postpage import reading_minutes

    text = "::: code a.py#b :::\n\n" + "word " * 575 + "\n\n::: chart x.y.z\ntitle: many words\n:::\n"
    assert reading_minutes(text) == 3
