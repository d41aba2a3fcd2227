"""What staging emits is Markdown that the engines turn into the HTML of the contract."""

from __future__ import annotations

import re

import markdown
import pytest
from test_bind import bind, page_for

from verifolio.evidence import Evidence, gather_evidence

EXTENSIONS = ["attr_list", "md_in_html", "tables", "pymdownx.highlight", "pymdownx.superfences"]


@pytest.fixture(scope="module")
def evidence(staged_once) -> Evidence:
    return gather_evidence(staged_once)


def html_of(text: str, evidence: Evidence) -> str:
    page = page_for(evidence)
    bound = bind(text, page)
    assert page.faults == []
    return markdown.markdown(bound, extensions=EXTENSIONS)


@pytest.mark.parametrize(
    "expression",
    [
        "toy.measure.accuracy",
        "toy.measure.accuracy.ci_low - toy.measure.accuracy.ci_high",
        "2 * toy.measure.accuracy * 0.5",
        'toy.compare.tables.methods["word lists"].accuracy',
        "max(toy.measure.accuracy, toy.compare.baseline)",
    ],
)
@pytest.mark.parametrize(
    "around", ["A {} here.", "**{}**", "- item {}", "| a |\n| --- |\n| {} |", "# Title {}"]
)
def test_a_number_becomes_a_link_that_carries_its_key(expression, around, evidence):
    html = html_of(around.format("{{ " + expression + " }}"), evidence)
    (link,) = re.findall(r"<a [^>]*>", html)
    assert 'class="vf-num"' in link
    assert 'href="../../receipts/toy/' in link
    assert f'data-vf="{expression.replace(chr(34), "&quot;")}"' in link
    assert "vf-num data-vf" not in re.sub(r"<[^>]*>", "", html)


def test_a_claim_may_hold_numbers_and_emphasis(evidence):
    html = html_of(
        "{{claim toy.measure.accuracy > 0.5}}**At {{ toy.measure.accuracy }}**{{/claim}}.", evidence
    )
    assert re.search(r'<span class="vf-claim" data-expr="toy.measure.accuracy &gt; 0.5"><strong>At <a ', html)


def test_a_table_keeps_its_numbers_right(evidence):
    html = html_of("::: table toy.compare.methods\ncaption: Two methods\n:::", evidence)
    assert re.search(r'<td style="text-align: right;">75.0\u202f%</td>', html)
    assert "|" not in re.sub(r"<[^>]*>", "", html)


def test_a_quotation_is_highlighted_code(evidence):
    html = html_of("::: code projects/toy/measure.py#judge :::", evidence)
    assert '<figure class="vf-code">' in html
    assert "```" not in html


def test_an_exercise_hides_its_solution(evidence):
    html = html_of("::: exercise\nquestion: Why?\nsolution: |\n  Because.\n\n  - so\n:::", evidence)
    assert re.search(r"<details>\s*<summary>Solution</summary>\s*<p>Because.</p>\s*<ul>", html)


def test_a_chart_is_drawn_in_the_page_with_its_data(evidence):
    html = html_of('::: chart toy.compare.accuracy\ntitle: Lists & more\nalt: Two "bars"\n:::', evidence)
    assert "<figcaption>Lists &amp; more</figcaption>" in html
    assert 'aria-label="Two &quot;bars&quot;"' in html
    assert html.count("<svg ") == 2
    assert '<details class="vf-data">' in html


def test_a_demo_is_plain_html(evidence):
    html = html_of("::: demo toy :::", evidence)
    assert html.count('class="vf-demo-example"') == 2
    assert "<p><section" not in html
