"""Golden cases: `cases/<name>/input.<lang>.md` bound gives `output.<lang>.md` and `faults.<lang>.txt`.

After a change of the markup that was meant, write them again by hand and read the diff:
`VERIFOLIO_REGENERATE=1 python -m pytest tests/test_bind.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verifolio.bind import _converted, bind_inline, bind_text
from verifolio.blocks import cell_text
from verifolio.errors import AuthorError
from verifolio.evidence import Evidence, gather_evidence
from verifolio.expressions import Quantity
from verifolio.listings import Shelf
from verifolio.page import Page
from verifolio.results import Column
from verifolio.site import read_site

CASES = Path(__file__).parent / "cases"
INPUTS = sorted(CASES.glob("*/input.*.md"))


@pytest.fixture(scope="module")
def evidence(staged_once) -> Evidence:
    return gather_evidence(staged_once)


def page_for(evidence: Evidence, lang: str = "en", source: str = "input.md") -> Page:
    root = evidence.portfolio.root
    return Page(source, "blog/posts/case.md", lang, evidence.for_page(), read_site(root))


def bind(text: str, page: Page) -> str:
    return bind_text(text, page, Shelf([], []).handlers())


def test_no_space_follows_the_full_width_bracket_of_an_interval(evidence):
    for plain in (False, True):
        bound = bind_inline(
            "有 {{ toy.measure.accuracy | ci }} 正确", page_for(evidence, "zh"), 1, plain=plain
        )
        assert " 正确" not in bound
        assert bound.endswith("正确")
    assert bind_inline("{{ toy.measure.accuracy }} 正确", page_for(evidence, "zh"), 1).endswith(" 正确")


def test_a_rate_may_be_told_as_a_count_and_other_units_may_not():
    rate = Quantity(87.4, "items_per_s", ())
    assert _converted(rate, "count", "toy.rate") == Quantity(87.4, "count", ())
    with pytest.raises(AuthorError, match="cannot be shown in bytes"):
        _converted(rate, "bytes", "toy.rate")


def test_an_address_in_a_cell_may_break_behind_its_slashes():
    words = Column("place", {"zh": "地址", "en": "place"})
    assert cell_text("see https://a.example/b/c/ now", words, "en") == (
        "see https://a.example/<wbr>b/<wbr>c/ now"
    )


@pytest.mark.parametrize("path", INPUTS, ids=[f"{one.parent.name}-{one.suffixes[0][1:]}" for one in INPUTS])
def test_a_case_binds_as_written_down(path, evidence):
    lang = path.suffixes[0][1:]
    page = page_for(evidence, lang, path.name)
    output = bind(path.read_text(encoding="utf-8"), page)
    faults = "".join(f"{fault}\n" for fault in sorted(set(page.faults)))
    expected = {f"output.{lang}.md": output, f"faults.{lang}.txt": faults}
    if os.environ.get("VERIFOLIO_REGENERATE") and not os.environ.get("CI"):
        for name, text in expected.items():
            (path.parent / name).write_text(text, encoding="utf-8")
    for name, text in expected.items():
        assert text == (path.parent / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "Use `{{ toy.nothing.at_all }}` in a post.",
        "Use ``{{ a `tick` }}`` too.",
        "```\n{{ toy.nothing }}\n::: table\n```",
        "~~~~\n{{ toy.nothing }}\n~~~\n{{ toy.nothing }}\n~~~~",
        "- item\n\n    ```python\n    {{ toy.nothing }}\n    ```",
        "Prose.\n\n    {{ toy.nothing }}\n    ::: table\n\n    {{ toy.nothing }}\n\nProse.",
        "\t{{ toy.nothing }}",
        "Plain prose, with {single} braces, 5 > 3 and a ::: that begins no line.",
        "",
    ],
)
def test_code_and_plain_prose_stay_untouched(text, evidence):
    page = page_for(evidence)
    assert bind(text, page) == text
    assert page.faults == []


@pytest.mark.parametrize("holder", ["- item", "1. item\ngoes on", "!!! note", '=== "Tab"', "Line by line"])
def test_indented_prose_is_bound_like_any_other(holder, evidence):
    between = "\n" if holder == "Line by line" else "\n\n"
    bound = bind(f"{holder}{between}    {{{{ toy.measure.accuracy }}}}", page_for(evidence))
    assert "{{" not in bound


@pytest.mark.parametrize("newline", ["\n", "\n\n\n"])
def test_every_fault_is_reported_with_its_line(newline, evidence):
    page = page_for(evidence)
    bind(newline.join(["{{ toy.a.b }}", "fine", "{{ toy.measure.c }}", "{{ no }}"]), page)
    step = len(newline)
    assert [fault.line for fault in page.faults] == [1, 1 + 2 * step, 1 + 3 * step]


@pytest.mark.parametrize(
    "text",
    [
        "It is {{ toy.measure.accuracy }.",
        "{{claim toy.measure.accuracy > 0}",
        "{{literal 5 }",
        "a {{ toy.measure.accuracy\n\n}}",
    ],
)
def test_a_binding_that_is_broken_off_is_a_fault(text, evidence):
    page = page_for(evidence)
    bind(f"one\n\n{text}", page)
    assert (page.faults[0].line, page.faults[0].message) == (3, "‘{{’ without ‘}}’ in the same paragraph")


@pytest.mark.parametrize("text", ["$\\frac{{x}_i}{y}$", "`{{ toy.measure.accuracy }`", "{{"])
def test_braces_of_others_are_no_binding(text, evidence):
    page = page_for(evidence)
    assert bind(text, page) == text
    assert not page.faults


def test_a_block_that_is_moved_in_by_a_space_is_a_block(evidence):
    page = page_for(evidence)
    bind(" ::: table toy.compare.methods :::", page)
    assert [str(ref) for ref in page.evidence.used] == ["toy.compare.methods"]


def test_a_fault_in_the_page_is_an_alert_that_escapes_what_was_typed(evidence):
    shown = bind('{{ "<script>" }}', page_for(evidence))
    assert 'class="vf-fault" role="alert"' in shown
    assert "<script>" not in shown


@pytest.mark.parametrize(
    "tag", ["{{ toy.measure.accuracy }}", "{{claim toy.measure.accuracy > 0}}x{{/claim}}"]
)
def test_stale_results_are_faults_and_numbers_say_so(tag, workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    page = page_for(gather_evidence(workbench.root))
    shown = bind(f"one\n\n{tag} and {tag}", page)
    assert [(one.line, one.message) for one in page.faults] == [
        (3, "binds toy.measure, which is stale: code changed (projects/toy/measure.py)")
    ]
    assert ("vf-stale" in shown) == ("claim" not in tag)


def test_a_result_that_cannot_be_read_is_a_fault_where_it_is_bound(workbench):
    workbench.write("projects/toy/results/measure.json", "{")
    page = page_for(gather_evidence(workbench.root))
    bind("\n{{ toy.measure.accuracy }}", page)
    assert (page.faults[0].path, page.faults[0].line) == ("input.md", 2)
    assert "the result of toy.measure is broken: broken JSON" in page.faults[0].message


def test_titles_get_words_without_links(evidence):
    page = page_for(evidence)
    assert bind_inline("About {{ toy.measure.accuracy }}", page, 1, plain=True) == "About 75.0\u202f%"


def test_a_fault_in_a_title_is_left_for_the_head_of_the_page(evidence):
    page = page_for(evidence)
    shown = bind_inline(
        "{{ no.such.key }} {{claim toy.measure.accuracy > 2}}a{{/claim}}", page, 1, plain=True
    )
    assert "vf-fault" not in shown
    assert len(page.faults) == 2
    assert page.placed == set()
