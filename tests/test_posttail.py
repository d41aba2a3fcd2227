"""What stands below a post: what to read next, how to cite it, the weeks beside it."""

from __future__ import annotations

from verifolio.check import check
from verifolio.stage import stage

READING = """week: 2
updated: 2026-11-12
reading:
  - title: Attention Is All You Need
    url: https://arxiv.org/abs/1706.03762
    by: Vaswani et al.
    year: 2017
    note: %s
"""


def recommend(workbench) -> None:
    for lang, note in (("zh", "一切从这里开始。"), ("en", "where it began.")):
        workbench.edit(f"blog/second-look/{lang}.md", "week: 2\n", READING % note)


def staged(workbench, lang: str) -> str:
    stage(workbench.root)
    return workbench.read(f"build/docs/{lang}/blog/posts/second-look.md")


def test_the_reading_list_is_shown_in_the_words_of_each_language(workbench):
    recommend(workbench)
    link = "[Attention Is All You Need](https://arxiv.org/abs/1706.03762)"
    assert f"## 延伸阅读\n\n- {link}（Vaswani et al.，2017）。一切从这里开始。" in staged(workbench, "zh")
    assert f"## Further reading\n\n- {link} (Vaswani et al., 2017). where it began." in staged(
        workbench, "en"
    )


def test_both_languages_recommend_the_same(workbench):
    recommend(workbench)
    workbench.edit("blog/second-look/en.md", "1706.03762", "0000.00000")
    told = [fault.message for fault in check(workbench.root)]
    assert any(
        "recommends ‘https://arxiv.org/abs/1706.03762’, this translation does not" in one for one in told
    )


def test_a_reading_without_an_address_is_named(workbench):
    recommend(workbench)
    for lang in ("zh", "en"):
        workbench.edit(f"blog/second-look/{lang}.md", "https://arxiv.org/abs/1706.03762", "arxiv 1706")
    assert any("‘arxiv 1706’ is no address" in fault.message for fault in check(workbench.root))


def test_the_citation_has_dates_address_and_both_forms(workbench):
    recommend(workbench)
    zh, en = staged(workbench, "zh"), staged(workbench, "en")
    url = "http://127.0.0.1:8000/"
    assert f"玩具. 再看一眼[EB/OL]. (2026-11-09，更新于 2026-11-12). {url}blog/second-look/." in zh
    assert f"Toy. “A second look”. Toy, 2026-11-09, updated 2026-11-12. {url}en/blog/second-look/" in en
    assert "@misc{toy-second-look-en,\n  author = {{Toy}},\n  title  = {A second look}," in en
    assert "  day    = {9}," in en


def test_a_title_with_signs_of_latex_is_escaped(workbench):
    workbench.edit("blog/second-look/en.md", "title: A second look", 'title: "A & B: 5 % of C_1 #2"')
    assert r"title  = {A \& B: 5 \% of C\_1 \#2}" in staged(workbench, "en")


def test_a_title_is_words_and_neither_markdown_nor_html(workbench):
    for lang, title in (("zh", "再看一眼"), ("en", "A second look")):
        workbench.edit(
            f"blog/second-look/{lang}.md", f"title: {title}", "title: 'C# and __init__ in <script>'"
        )
        assert "\n# C\\# and \\_\\_init\\_\\_ in &lt;script&gt;\n" in staged(workbench, lang)
