"""What `{{ … }}` and claims may say, and how every mistake is answered."""

from __future__ import annotations

import pytest

from verifolio.errors import AuthorError
from verifolio.evidence import Evidence, gather_evidence


@pytest.fixture(scope="module")
def evidence(staged_once) -> Evidence:
    return gather_evidence(staged_once)


VALUES = [
    ("toy.measure.accuracy", 0.75, "ratio"),
    ("toy.measure.accuracy.n", 16, "count"),
    ("round(toy.measure.accuracy.ci_low * 1000)", 505, "ratio"),
    ('toy.compare.tables.methods["word lists"].accuracy', 0.75, "ratio"),
    ('toy.compare.tables.methods["词表"].accuracy', 0.75, "ratio"),
    ("-toy.measure.accuracy", -0.75, "ratio"),
    ("toy.measure.accuracy - toy.compare.baseline", 0.25, "ratio"),
    ("toy.measure.accuracy / toy.compare.baseline", 1.5, ""),
    ("toy.measure.accuracy / 3", 0.25, "ratio"),
    ("3 * (toy.measure.weights + 1)", 15, "parameters"),
    ("max(toy.measure.accuracy, toy.compare.baseline)", 0.75, "ratio"),
    ("min(toy.measure.accuracy, toy.compare.baseline)", 0.5, "ratio"),
    ("abs(toy.compare.baseline - toy.measure.accuracy)", 0.25, "ratio"),
    ("toy.measure.accuracy > toy.compare.baseline", True, ""),
    ("toy.measure.accuracy >= 0.75", True, ""),
    ("0.5 < toy.measure.accuracy < 0.7", False, ""),
    ("not toy.measure.accuracy < 0.5", True, ""),
    ("toy.measure.accuracy * toy.measure.accuracy.n", 12, ""),
    ("toy.measure.accuracy * toy.compare.baseline", 0.375, "ratio"),
    ("100 * toy.measure.accuracy > 5", True, ""),
    ("toy.measure.accuracy > 0.9 or toy.measure.weights == 4", True, ""),
    ("toy.measure.accuracy > 0.9 and toy.measure.weights == 4", False, ""),
]


@pytest.mark.parametrize(("text", "value", "unit"), VALUES)
def test_an_expression_has_a_value_and_a_unit(evidence, text, value, unit):
    found = evidence.for_page().evaluate(text)
    assert (found.value, found.unit) == (pytest.approx(value), unit)


MISTAKES = [
    # text, message, hint
    ("toy.measure.acuracy", "toy.measure has no metric ‘acuracy’", "did you mean ‘accuracy’?"),
    ("toy.mesure.accuracy", "no experiment ‘mesure’ in toy", "did you mean ‘measure’?"),
    ("toi.measure.accuracy", "no project ‘toi’", "did you mean ‘toy’?"),
    ("accuracy", "‘accuracy’ is not a key", "project.experiment.metric"),
    ("toy.measure", "‘toy.measure’ is not a key", "project.experiment.metric"),
    ("toy.measure.weights.ci_low", "has no ‘ci_low’", "n, ci_low, ci_high"),
    ("toy.measure.accuracy.value", "has no ‘value’", "n, ci_low, ci_high"),
    ("toy.compare.tables.method[x].accuracy", "no table ‘method’", "did you mean ‘methods’?"),
    ("toy.compare.tables.methods[lists].accuracy", "has no row ‘lists’", "word lists"),
    ('toy.compare.tables.methods["word lists"].f1', "has no column ‘f1’", ""),
    ('toy.compare.tables.methods["word lists"].method', "not a number", ""),
    ('toy.compare.tables.methods["always one class"].words', "holds None, not a number", ""),
    ("toy.compare.tables.methods", "is not a cell", "cells are"),
    ("toy.measure.accuracy + toy.measure.weights", "compares or adds ratio and parameters", ""),
    ("toy.measure.accuracy > toy.measure.weights", "compares or adds ratio and parameters", ""),
    ("toy.measure.accuracy / (toy.compare.baseline - toy.compare.baseline)", "divides by zero", ""),
    (
        "toy.measure.accuracy and toy.measure.weights > 3",
        "‘toy.measure.accuracy’ is a number, not a comparison",
        "compare it",
    ),
    ("toy.measure.weights > 3 or toy.measure.accuracy", "is a number, not a comparison", "compare it"),
    ("not toy.measure.accuracy", "is a number, not a comparison", "compare it"),
    ("toy.measure.accuracy < 5", "a ratio lies within ±1", "5 % is 0.05"),
    ("toy.measure.accuracy ** 2", "only + - * / are known", ""),
    ("toy.measure.accuracy in (1, 2)", "(1, 2)’ has no place", ""),
    ("toy.measure.accuracy >", "is not an expression", ""),
    ("", "is not an expression", ""),
    ("mean(toy.measure.accuracy)", "no function ‘mean’", "‘min’ or ‘max’"),
    ("max()", "‘max()’: max expected at least 1 argument", ""),
    ("abs(1, 2)", "takes exactly one argument", ""),
    ("round(toy.measure.accuracy, 0.5)", "cannot be interpreted as an integer", ""),
    ("max(toy.measure.accuracy, toy.measure.weights)", "ratio and parameters", ""),
    ("'0.9'", "'0.9' is not a number", ""),
    ("True", "True is not a number", ""),
    ("[1, 2]", "has no place in an expression over results", ""),
    ("__import__('os').system('true')", "no function", ""),
    ("toy.measure.accuracy if 1 else 0", "has no place", ""),
    ("(lambda: 1)()", "no function", ""),
    ("1e400", "is not a finite number", ""),
    ("1e308 * 10", "is not a finite number", ""),
    ("toy.measure.accuracy\x00", "", ""),
    ("(" * 500 + "1" + ")" * 500, "", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES, ids=[one[0][:60] for one in MISTAKES])
def test_a_mistake_is_answered_with_what_was_expected(evidence, text, message, hint):
    with pytest.raises(AuthorError) as caught:
        evidence.for_page().evaluate(text)
    assert message in str(caught.value)
    assert hint in caught.value.faults[0].hint


def test_a_row_that_is_not_the_only_one_of_its_name_cannot_be_bound(workbench):
    workbench.edit(
        "projects/toy/compare.py",
        '{"zh": "总是同一类", "en": "always one class"}, "accuracy"',
        '{"zh": "词表", "en": "word lists"}, "accuracy"',
    )
    assert workbench.verifolio("execute", "toy.compare").code == 0
    with pytest.raises(AuthorError, match="2 rows of table methods are named ‘word lists’"):
        gather_evidence(workbench.root).for_page().evaluate('toy.compare.tables.methods["word lists"].words')


def test_an_expression_remembers_all_that_it_rests_on(evidence):
    page = evidence.for_page()
    page.evaluate("toy.measure.accuracy > toy.compare.baseline and toy.export.lines == 4")
    assert [str(ref) for ref in page.used] == [
        "toy.measure.accuracy",
        "toy.compare.baseline",
        "toy.export.lines",
    ]
