"""Demos: recorded outputs stand in the page as plain HTML, as fresh as any number."""

from __future__ import annotations

import pytest

from verifolio.demos import read_demos
from verifolio.errors import AuthorError
from verifolio.recorded import SHOWN, Recorded, render_recorded
from verifolio.results import Column, Table
from verifolio.stage import stage

PAGE = "build/docs/{}/demos/toy.md"
DECLARED = "demos/toy/demo.yml"


def staged(workbench, lang: str = "en", **options) -> str:
    stage(workbench.root, **options)
    return workbench.read(PAGE.format(lang))


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", ["词表演示", "正面", "直白的评论"]), ("en", ["positive", "negation"])]
)
def test_recorded_outputs_need_no_script(workbench, lang, words):
    page = staged(workbench, lang)
    for word in [*words, "A good film with a great heart", "75.0\u202f%", "<meter"]:
        assert word in page or word == "A good film with a great heart"
    assert "<script" not in page


def test_words_that_moved_the_verdict_are_marked(workbench):
    page = staged(workbench)
    assert 'class="vf-pos"' in page
    assert ">great</mark>" in page
    assert 'class="vf-neg"' in page


def test_a_live_demo_has_a_button_only_in_serve(workbench):
    assert "vf-demo-live" not in staged(workbench)
    page = staged(workbench, live={"toy": "http://127.0.0.1:7860/"})
    assert 'href="http://127.0.0.1:7860/"' in page


def test_a_demo_of_a_stale_result_is_a_fault(workbench):
    workbench.edit("projects/toy/export.py", '"score": 0.75', '"score": 0.8')
    with pytest.raises(AuthorError) as caught:
        stage(workbench.root)
    assert "demos/toy/demo.yml" in {one.path for one in caught.value.faults}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("project: toy", "projekt: toy", "unknown field `projekt`"),
        ("project: toy\n", "", "missing required field `project`"),
        ("table: toy.export.examples", "table: toy.export.exampels", "has no table ‘exampels’"),
        ("table: toy.export.examples", "table: toy.exprt.examples", "no experiment ‘exprt’"),
        ("input: text", "input: words", "has no column ‘words’"),
        ("score: score", "score: text", "not a number"),
        ("effects: effects", "effects: label", "not [[word, effect]"),
        ("effects: effects", "effects: efects", "has no column ‘efects’"),
        ("label: label, ", "", "neither an ‘output’ nor a ‘label’ with its ‘score’"),
        ("score: score, ", "", "neither an ‘output’ nor a ‘label’ with its ‘score’"),
        ("effects: effects", "effects: effects, facts: [scor]", "has no column ‘scor’"),
        ("effects: effects", "sources: effects", '[{"document", "place", "quote"}, …]'),
        ("title: {zh: 词表演示, en: Word list demo}", "title: {zh: 词表演示}", "no words in en"),
    ],
)
def test_an_odd_declaration_is_named(workbench, old, new, reason):
    workbench.edit(DECLARED, old, new)
    with pytest.raises(AuthorError) as caught:
        stage(workbench.root)
    assert reason in str(caught.value)
    assert DECLARED in {one.path for one in caught.value.faults}


ANSWERED = r"""
    sources = [{"document": "手册.pdf", "place": "第 3 页", "quote": "七天内可退货"}]
    run.table(
        "answers",
        columns=[
            {"key": "question", "label": {"zh": "问", "en": "question"}},
            {"key": "answer", "label": {"zh": "答", "en": "answer"}},
            {"key": "sources", "label": {"zh": "出处", "en": "sources"}},
            {"key": "mode", "label": {"zh": "方式", "en": "mode"}},
            {"key": "seconds", "label": {"zh": "用时", "en": "time"}, "unit": "seconds"},
            {"key": "note", "label": {"zh": "附注", "en": "remark"}},
        ],
        rows=[
            {
                "question": "How long may I send goods back?",
                "answer": {"zh": "七天。\n\n见<手册>。", "en": "Seven days.\n\nSee the <manual>."},
                "sources": json.dumps(sources, ensure_ascii=False),
                "mode": {"zh": "摘录", "en": "extractive"},
                "seconds": 0.25,
                "note": None,
            },
            {"question": "多久发货？", "answer": "不知道", "sources": "[]", "mode": "x", "seconds": 1, "note": "abc"},
        ],
    )
"""
ROLES = "{table: toy.export.answers, input: question, output: answer, sources: sources, mode: mode, facts: [seconds, note]}"


@pytest.fixture
def answering(workbench):
    """The toy's demo, now one that answers questions."""
    code = workbench.read("projects/toy/export.py")
    at = code.index("    run.metric(")
    workbench.write("projects/toy/export.py", code[:at] + ANSWERED.strip("\n") + "\n" + code[at:])
    assert workbench.verifolio("run", "toy.export").code == 0
    text = workbench.read(DECLARED)
    workbench.write(DECLARED, text.partition("recorded:")[0] + f"recorded: {ROLES}\n")
    return workbench


def test_an_answer_stands_with_its_sources_mode_and_facts(answering):
    page = staged(answering)
    assert "Seven days.&#10;&#10;See the &lt;manual&gt;." in page
    assert (
        '<cite lang="zh">手册.pdf</cite> <span lang="zh">第 3 页</span><q lang="zh">七天内可退货</q>' in page
    )
    assert '<span class="vf-demo-mode">extractive</span>' in page
    assert "<dt>time</dt><dd>0.250\u202fs</dd>" in page
    assert page.count("<dt>remark</dt>") == 1
    assert "No source is cited." in page
    assert "<meter" not in page
    assert "七天。&#10;&#10;见&lt;手册&gt;。" in answering.read(PAGE.format("zh"))


def test_what_is_not_in_the_language_of_the_page_says_so(answering):
    page = staged(answering, "zh")
    assert '<span lang="en">How long may I send goods back?</span>' in page
    assert '<blockquote class="vf-demo-input" hidden lang="zh">多久发货？' in page  # the fold's line shows it


def test_the_fourth_recorded_output_and_those_after_it_are_folded_away(workbench):
    page = staged(workbench)
    assert "vf-demo-more" not in page  # the toy has few
    roles = Recorded(table="a.b.c", input="q", output="a")
    columns = [Column(key=key, label={"zh": key, "en": key}) for key in ("q", "a")]
    long = Table(columns=columns, rows=[{"q": f"q{at}", "a": f"a{at}"} for at in range(SHOWN + 2)])
    html = render_recorded(roles, long, "toy", "en")
    shown, _, folded = html.partition("vf-demo-more")
    assert "2 more recorded outputs" in folded
    assert [f"q{at}" in shown for at in range(SHOWN + 2)] == [True] * SHOWN + [False] * 2


def test_a_planned_demo_is_listed_as_planned_and_has_no_page(workbench):
    text = workbench.read(DECLARED)
    workbench.write("demos/later/demo.yml", text.partition("recorded:")[0].replace("Word list", "Later"))
    stage(workbench.root)
    assert "Later demo" in workbench.read("build/docs/en/demos/index.md")
    assert "vf-planned" in workbench.read("build/docs/en/demos/index.md")
    assert "demos/later" not in workbench.read("build/docs/en/projects/toy.md")
    assert not (workbench.root / "build/docs/en/demos/later.md").exists()


def test_demos_are_found_by_their_folder(workbench):
    assert list(read_demos(workbench.root)) == ["toy"]
