"""Staging writes plain Markdown: only what changed, nothing left over, both languages alike."""

from __future__ import annotations

import re

import pytest

from verifolio.errors import AuthorError
from verifolio.stage import stage

DOCS = "build/docs"


def tree(workbench, lang: str = "en") -> dict[str, bytes]:
    folder = workbench.root / DOCS / lang
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def changed(report) -> set[str]:
    return {path.as_posix().partition(f"{DOCS}/")[2] for path in report.changed}


def test_the_tree_holds_every_page_of_the_contract_in_both_languages(workbench):
    stage(workbench.root)
    expected = {
        "index.md", "about.md", "projects/index.md", "projects/toy.md", "demos/index.md", "demos/toy.md",
        "receipts/index.md", "receipts/toy/measure.md", "receipts/toy/compare.md", "receipts/toy/export.md",
        "blog/index.md", "blog/posts/first-numbers.md", "blog/posts/second-look.md",
        "notebooks/walk.ipynb", "assets/toy.css",
    }  # fmt: skip
    for lang in ("zh", "en"):
        names = set(tree(workbench, lang))
        cards = {name for name in names if name.startswith("assets/cards/")}
        assert names - cards == expected
        assert len(cards) == 3  # two posts and the site


def test_a_projects_page_lists_the_pages_written_about_it(workbench):
    for lang, title in (("zh", "怎么用"), ("en", "How to use it")):
        workbench.write(f"site_src/projects/toy-usage.{lang}.md", f"---\ntitle: {title}\n---\n\n# {title}\n")
    stage(workbench.root)
    assert "- [How to use it](toy-usage.md)" in tree(workbench)["projects/toy.md"].decode()
    assert "- [怎么用](toy-usage.md)" in tree(workbench, "zh")["projects/toy.md"].decode()


def test_staging_again_changes_nothing(workbench):
    first = stage(workbench.root)
    assert len(first.changed) == 36
    assert stage(workbench.root).changed == []


def test_an_edit_of_one_post_changes_one_page(workbench):
    stage(workbench.root)
    workbench.edit("blog/second-look/zh.md", "基线是", "那么，基线是")
    assert changed(stage(workbench.root)) == {"zh/blog/posts/second-look.md"}


def test_staging_one_language_leaves_the_other_alone(workbench):
    report = stage(workbench.root, langs=("en",))
    assert {name[:3] for name in changed(report)} == {"en/"}
    assert not (workbench.root / DOCS / "zh").exists()


def test_what_no_source_makes_any_more_is_removed(workbench):
    stage(workbench.root)
    workbench.write(f"{DOCS}/en/old/page.md", "left over")
    for lang in ("zh", "en"):
        (workbench.root / f"blog/second-look/{lang}.md").unlink()
    report = stage(workbench.root)
    assert "en/blog/posts/second-look.md" in changed(report)
    assert not {"old/page.md", "blog/posts/second-look.md"} & set(tree(workbench))
    assert not (workbench.root / DOCS / "en/old").exists()


def test_staging_leaves_the_rest_of_the_build_folder_alone(workbench):
    workbench.write("build/site/index.html", "mine")
    workbench.write("build/derived/toy/model.txt", "mine")
    stage(workbench.root)
    assert workbench.read("build/site/index.html") == workbench.read("build/derived/toy/model.txt") == "mine"


def test_a_fault_stops_strict_staging_before_anything_is_written(workbench):
    stage(workbench.root)
    before = tree(workbench)
    workbench.edit("blog/second-look/en.md", "A short post.", "A short {{ toy.measure.gone }} post.")
    workbench.edit("site_src/about.en.md", "Written", "Rewritten")
    with pytest.raises(AuthorError, match=r"blog/second-look/en.md:11: toy.measure has no metric ‘gone’"):
        stage(workbench.root)
    assert tree(workbench) == before


def test_in_serve_the_fault_stands_in_the_page_and_the_rest_goes_on(workbench):
    workbench.edit("blog/second-look/en.md", "A short post.", "A short {{ toy.measure.gone }} post.")
    workbench.edit("site_src/about.en.md", "Written", "Rewritten")
    report = stage(workbench.root, strict=False)
    page = workbench.read(f"{DOCS}/en/blog/posts/second-look.md")
    assert 'class="vf-fault" role="alert"' in page
    assert "toy.measure has no metric ‘gone’" in page
    assert "Rewritten" in workbench.read(f"{DOCS}/en/about.md")
    assert ("blog/second-look/en.md", 11) in {(fault.path, fault.line) for fault in report.faults}


def test_in_serve_a_stale_number_is_marked(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    stage(workbench.root, strict=False)
    assert ".vf-num .vf-stale" in workbench.read(f"{DOCS}/en/index.md")
    assert "vf-state vf-stale" in workbench.read(f"{DOCS}/en/receipts/toy/measure.md")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_number_of_a_post_leads_to_its_line_on_a_receipt_and_has_a_card(workbench, lang):
    stage(workbench.root)
    page = workbench.read(f"{DOCS}/{lang}/blog/posts/first-numbers.md")
    links = re.findall(r"\[[^\]]+\]\(\.\./\.\./(receipts/\S+)\.md#(\S+?)\)\{ \.vf-num", page)
    assert len(links) >= 6
    for path, anchor in links:
        assert f'id="{anchor}"' in workbench.read(f"{DOCS}/{lang}/{path}.md")
    for key in re.findall(r'data-vf="([^"]+)"', page):
        assert f'id="vf-card-{re.sub(r"[^A-Za-z0-9.-]", "-", key)}"' in page


def test_both_languages_show_the_same_values(workbench):
    stage(workbench.root)
    pages = [workbench.read(f"{DOCS}/{lang}/blog/posts/first-numbers.md") for lang in ("zh", "en")]
    keys = [sorted(re.findall(r'data-vf="([^"]+)"', page)) for page in pages]
    assert keys[0] == keys[1]


def test_a_page_of_the_site_without_translation_is_a_fault(workbench):
    (workbench.root / "site_src/about.en.md").unlink()
    with pytest.raises(AuthorError, match=r"site_src/about.zh.md: missing translation") as caught:
        stage(workbench.root)
    assert caught.value.faults[0].hint == "write site_src/about.en.md"


def test_pages_of_the_site_bind_too_and_name_their_lines(workbench):
    workbench.edit("site_src/about.en.md", "Written", "\n{{ toy.gone.x }}\n\nWritten")
    with pytest.raises(AuthorError, match=r"site_src/about.en.md:4: no experiment ‘gone’"):
        stage(workbench.root)


def test_a_portfolio_without_posts_projects_or_demos_still_stages(tmp_path):
    (tmp_path / "mkdocs.yml").write_text("site_name: Empty\n")
    (tmp_path / "site_src").mkdir()
    for lang in ("zh", "en"):
        (tmp_path / f"site_src/index.{lang}.md").write_text(
            "# Hello\n\n::: posts :::\n\n::: weeks :::\n\n::: projects :::\n\n::: demos :::\n\n::: receipts :::\n"
        )
    assert len(stage(tmp_path).changed) == 4  # a page and a card in each language


def test_fresh_and_stale_copies_of_a_new_asset_are_told_apart_by_content_time(workbench):
    stage(workbench.root)
    workbench.write("site_src/assets/toy.css", ".vf-num { color: red; }\n")
    assert changed(stage(workbench.root)) == {"zh/assets/toy.css", "en/assets/toy.css"}


def test_a_page_that_is_not_utf8_is_named_and_stands_with_its_fault(workbench):
    (workbench.root / "site_src" / "about.zh.md").write_bytes("# 关于".encode("gbk"))
    report = stage(workbench.root, strict=False)
    assert [(one.path, one.message.split(" (")[0]) for one in report.faults] == [
        ("site_src/about.zh.md", "not UTF-8 text")
    ]
    assert "vf-fault" in workbench.read("build/docs/zh/about.md")
