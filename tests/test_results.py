"""A result file says what it must, or is refused with its name and the reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from verifolio.errors import AuthorError
from verifolio.results import SCHEMA, Result, digest_of, read_result, write_result

RESULT = Path(__file__).parent / "portfolio/projects/toy/results/compare.json"
MEASURED = RESULT.with_name("measure.json")

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def sample() -> dict[str, Any]:
    """Metrics of one committed result with the table and chart of another."""
    raw = json.loads(MEASURED.read_text(encoding="utf-8"))
    other = json.loads(RESULT.read_text(encoding="utf-8"))
    return {**raw, "tables": other["tables"], "charts": other["charts"]}


def refusal(tmp_path: Path, text: str | bytes) -> AuthorError:
    path = tmp_path / "odd.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(AuthorError) as caught:
        read_result(path, shown="odd.json")
    return caught.value


def test_a_written_result_reads_back_as_it_was(tmp_path, sample):
    result = msgspec.convert(sample, Result)
    written = write_result(tmp_path / "x.json", result)
    assert msgspec.to_builtins(read_result(tmp_path / "x.json")) == msgspec.to_builtins(written)
    assert written.digest == digest_of(written)


def test_an_edit_within_the_same_second_is_seen(tmp_path, sample):
    path = tmp_path / "x.json"
    write_result(path, msgspec.convert(sample, Result))
    before = read_result(path)
    path.write_text(path.read_text(encoding="utf-8").replace("0.75", "0.76", 1), encoding="utf-8")
    assert read_result(path) != before


def test_the_digest_covers_every_part_of_a_result(sample):
    whole = digest_of(msgspec.convert(sample, Result))
    sample["receipt"]["machine"]["cores"] = 64
    assert digest_of(msgspec.convert(sample, Result)) != whole


def metric(key: str, value: Any) -> Change:
    return lambda raw: raw["metrics"]["accuracy"].__setitem__(key, value)


def without(*path: str) -> Change:
    def change(raw: dict[str, Any]) -> None:
        for step in path[:-1]:
            raw = raw[step]
        del raw[path[-1]]

    return change


ODD: list[tuple[str, Change, str]] = [
    ("an unknown unit", metric("unit", "percent"), "metric ‘accuracy’: unknown unit ‘percent’"),
    ("a ratio above one", metric("value", 91.2), "a ratio lies within ±1, not 91.2"),
    ("a value outside its interval", metric("value", 0.95), "lies outside its interval"),
    ("an interval without its method", metric("ci_method", ""), "needs its method (ci_method)"),
    ("an unknown direction", metric("better", "more"), "`$.metrics[...].better`"),
    ("words for a value", metric("value", "0.9"), "`$.metrics[...].value`"),
    ("a metric without a value", without("metrics", "accuracy", "value"), "missing required field `value`"),
    ("a label in one language", metric("label", {"zh": "准确率"}), "label: no words in en"),
    ("a key in capitals", lambda raw: raw["metrics"].update(F1=raw["metrics"]["weights"]), "lower case"),
    ("no receipt", without("receipt"), "missing required field `receipt`"),
    ("a receipt without a commit", without("receipt", "commit"), "missing required field `commit`"),
    ("an unknown field", lambda raw: raw.update(verdict="good"), "unknown field `verdict`"),
    (
        "a row that lacks a column",
        without("tables", "methods", "rows", 0, "accuracy"),
        "row 1 does not fit its columns (accuracy)",
    ),
    (
        "a word in a column of numbers",
        lambda raw: raw["tables"]["methods"]["rows"][1].update(accuracy="high"),
        "row 2, accuracy: a word where a number belongs",
    ),
    ("a table without columns", lambda raw: raw["tables"]["methods"].update(columns=[]), "no columns"),
    ("a chart that is no Vega-Lite", without("charts", "accuracy", "spec", "$schema"), "$schema is missing"),
    (
        "a chart's word in one language",
        lambda raw: raw["charts"]["accuracy"]["words"]["@lists"].pop("en"),
        "chart ‘accuracy’: @lists: no words in en",
    ),
]


@pytest.mark.parametrize(("change", "reason"), [odd[1:] for odd in ODD], ids=[odd[0] for odd in ODD])
def test_a_result_is_refused_for(change, reason, sample, tmp_path):
    change(sample)
    error = refusal(tmp_path, json.dumps(sample))
    assert error.faults[0].path == "odd.json"
    assert reason in str(error)
    assert "verifolio run" in error.faults[0].hint


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_neither_written_nor_read(number, sample, tmp_path):
    sample["metrics"]["accuracy"]["value"] = number
    assert "not a finite number" in str(refusal(tmp_path, json.dumps(sample)))
    with pytest.raises(AuthorError, match="not a finite number"):
        write_result(tmp_path / "new.json", msgspec.convert(sample, Result))
    assert not (tmp_path / "new.json").exists()


def test_a_cell_that_is_not_finite_is_refused(sample, tmp_path):
    sample["tables"]["methods"]["rows"][0]["accuracy"] = math.nan
    with pytest.raises(AuthorError, match="row 1, accuracy: not a finite number"):
        write_result(tmp_path / "new.json", msgspec.convert(sample, Result))


def test_a_result_from_a_newer_schema_asks_for_an_update(sample, tmp_path):
    error = refusal(tmp_path, json.dumps({**sample, "schema": SCHEMA + 1, "tables": "of another kind"}))
    assert f"written by a newer Verifolio: schema {SCHEMA + 1}, this one reads up to {SCHEMA}" in str(error)
    assert "git pull" in error.faults[0].hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty file"),
        ("  \n", "empty file"),
        (RESULT.read_text(encoding="utf-8")[:700], "broken JSON"),
        ("<<<<<<< HEAD\n{}", "broken JSON"),
        (b"\xff\xfe\x00", "broken JSON"),
        ("[1, 2]", "Expected `object`, got `array`"),
        ("null", "Expected `object`, got `null`"),
        ('{"schema": 0}', "missing required field"),
        ('{"schema": "one"}', "not a valid result"),
    ],
    ids=["empty", "blank", "half", "merge conflict", "binary", "a list", "null", "old", "odd schema"],
)
def test_a_file_that_is_no_result_says_what_it_is(text, reason, tmp_path):
    error = refusal(tmp_path, text)
    assert str(error).startswith("odd.json")
    assert reason in str(error)


def test_a_half_written_file_names_the_line_where_it_breaks_off(tmp_path):
    half = RESULT.read_text(encoding="utf-8")[:700]
    assert refusal(tmp_path, half).faults[0].line == half.count("\n") + 1


def test_a_missing_result_says_how_to_make_it(tmp_path):
    with pytest.raises(AuthorError, match="no such result") as caught:
        read_result(tmp_path / "none.json", shown="none.json")
    assert caught.value.faults[0].hint == "make it: verifolio run"
