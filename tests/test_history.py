"""The history of a value is that of the commits."""

from __future__ import annotations

import json

import msgspec

from verifolio.history import read_history
from verifolio.results import Result, write_result

MEASURE = "projects/toy/results/measure.json"


def measured(workbench, value: float) -> None:
    raw = json.loads(workbench.read(MEASURE))
    raw["metrics"]["accuracy"]["value"] = value
    write_result(workbench.root / MEASURE, msgspec.convert(raw, Result))


def values(workbench) -> list[float]:
    return [one.value for one in read_history(workbench.root).get("toy.measure", {}).get("accuracy", [])]


def test_past_values_stand_newest_first_each_once(workbench):
    workbench.commit("first")
    measured(workbench, 0.625)
    workbench.commit("worse")
    workbench.edit(MEASURE, '"weights": {', '"weights":  {')
    workbench.commit("same numbers")
    measured(workbench, 0.75)
    workbench.commit("better again")
    assert values(workbench) == [0.75, 0.625, 0.75]


def test_a_value_carries_the_commit_in_which_it_first_stood(workbench):
    workbench.commit("first")
    first = workbench.git("rev-parse", "HEAD").strip()
    workbench.edit(MEASURE, '"weights": {', '"weights":  {')
    workbench.commit("same numbers")
    (one,) = read_history(workbench.root)["toy.measure"]["accuracy"]
    assert one.commit == first


def test_broken_and_deleted_results_of_the_past_are_passed_over(workbench):
    workbench.commit("first")
    text = workbench.read(MEASURE)
    workbench.write(MEASURE, "{")
    workbench.commit("broken")
    (workbench.root / MEASURE).unlink()
    workbench.commit("gone")
    workbench.write(MEASURE, text)
    workbench.commit("back")
    assert values(workbench) == [0.75]


def test_without_git_there_is_no_history(workbench):
    assert read_history(workbench.root) == {}


def test_a_repository_without_commits_has_no_history(workbench):
    workbench.git("init", "--quiet")
    assert read_history(workbench.root) == {}


def test_a_damaged_cache_is_made_again(workbench):
    workbench.commit("first")
    read_history(workbench.root)
    workbench.write("build/cache/history.json", "{half")
    assert values(workbench) == [0.75]


def test_the_receipt_page_shows_the_older_value(workbench):
    from verifolio.stage import stage

    measured(workbench, 0.625)
    workbench.commit("first")
    measured(workbench, 0.75)
    workbench.commit("second")
    stage(workbench.root, strict=False)
    assert "62.5\u202f%" in workbench.read("build/docs/en/receipts/toy/measure.md")
