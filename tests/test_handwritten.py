"""Numbers typed by hand that look like a metric of the page are found, in both languages."""

from __future__ import annotations

import pytest

from verifolio.check import check
from verifolio.evidence import Evidence, gather_evidence
from verifolio.handwritten import _forms, find_handwritten
from verifolio.page import Page
from verifolio.site import read_site


@pytest.fixture(scope="module")
def evidence(staged_once) -> Evidence:
    return gather_evidence(staged_once)


def found(text: str, evidence: Evidence) -> list[tuple[int, str]]:
    page = Page("post.md", "blog/posts/x.md", "en", evidence.for_page(), read_site(evidence.portfolio.root))
    page.evidence.evaluate("toy.measure.accuracy")
    return [(fault.line, fault.message) for fault in find_handwritten(text, page)]


@pytest.mark.parametrize(
    ("value", "unit", "typed"),
    [(487.18, "tokens_per_s", "487"), (538_060_032, "bytes", "538"), (1_310_000, "parameters", "1.31"), (1_310_000, "parameters", "131"), (3708, "seconds", "1.03")],
)  # fmt: skip
def test_the_form_that_the_site_shows_is_known(value, unit, typed):
    assert typed in _forms(value, unit)


@pytest.mark.parametrize(
    "text",
    [
        "an accuracy of 75.0 %",
        "an accuracy of 75.0%.",
        "an accuracy of 75%",
        "an accuracy of 0.750",
        "**75.0 %** of them",
        "(75.0 %)",
        "准确率为 75.0 %。",
        "准确率为75.0%。",
        "准确率为75.0％，很好",
        "准确率达到0.750。",
        "+75.0 %",
        "## Why 75.0 % is enough",
        "| lists | 75.0 % |",
        "::: demo toy :::\n\nIt reaches 75.0 %.\n\n::: table toy.compare.methods\n:::",
        "::: chart toy.compare.accuracy\ntitle: Lists reach 75.0 %\nalt: two bars\n:::",
        "::: exercise\nquestion: How do 75.0 % come about?\nsolution: By counting.\n:::",
        "It's `code`, then 75.0 %, then `code`.",
        "3 < 4, so 75.0 % > 0.5",
        "- item\n\n    75.0 %",
        "::: exercise\nsolution: |\n    By counting.\n\n    It is 75.0 %.\n:::",
    ],
)
def test_a_number_typed_by_hand_is_found(text, evidence):
    faults = found(text, evidence)
    assert len(faults) == 1
    assert "looks like toy.measure.accuracy" in faults[0][1]


@pytest.mark.parametrize(
    "text",
    [
        "{{ toy.measure.accuracy }} and {{literal 75.0 %}}",
        "Code: `75.0 %`",
        "```\n75.0 %\n```",
        "Prose.\n\n    75.0 %\n\nProse.",
        "~~~\n0.750\n~~~",
        "[a link](https://example.org/75.0)",
        "see https://example.org/0.750/x",
        '<span data-x="75.0 %">x</span>',
        "version 2.75.0 came",
        "1750 or 75.05 % or 175.0 %",
        "in 75 days",
        "another 74.9 %",
        "model-v0.750a",
    ],
)
def test_other_numbers_are_left_alone(text, evidence):
    assert found(text, evidence) == []


def test_a_fault_names_line_key_and_both_ways_out(evidence):
    page = Page("post.md", "blog/posts/x.md", "en", evidence.for_page(), read_site(evidence.portfolio.root))
    page.evidence.evaluate("toy.measure.accuracy")
    (fault,) = find_handwritten("one\n\n```\ntwo\n```\n75.0 %", page, first_line=10)
    assert (fault.path, fault.line) == ("post.md", 15)
    assert fault.hint == (
        "bind it: {{ toy.measure.accuracy }}, or if it is something else: {{literal 75.0 %}}"
    )


def test_metrics_of_results_that_the_page_does_not_bind_are_no_matter(evidence):
    assert found("the baseline of 50.0 %", evidence) == []


@pytest.mark.parametrize("words", ["title: A second look", "description: A short post without a chart."])
def test_numbers_in_a_title_or_description_are_found_too(workbench, words):
    workbench.edit("blog/second-look/en.md", words, f"{words} 50.0%")
    assert [(one.path, one.line) for one in check(workbench.root)] == [("blog/second-look/en.md", 1)]
