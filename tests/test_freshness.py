"""Whether a result is still true, and if not: which file says so, and why."""

from __future__ import annotations

import json

import msgspec
import pytest

from verifolio.freshness import Freshness, check_freshness
from verifolio.portfolio import read_portfolio
from verifolio.results import Result, write_result

MEASURE = "projects/toy/results/measure.json"
WEIGHTS = "projects/toy/results/measure/weights.json"
DECLARED = "projects/toy/experiments.yml"


def states_of(workbench) -> dict[str, Freshness]:
    return check_freshness(read_portfolio(workbench.root))


def reasons(one: Freshness) -> list[tuple[str, str]]:
    return [(fault.path, fault.message) for fault in one.reasons]


def test_a_fresh_copy_is_fresh(workbench):
    assert {one.state for one in states_of(workbench).values()} == {"fresh"}


EDITS = [
    # what is edited: file, old, new; then: state of toy.measure, blamed file, reason
    (MEASURE, '"value": 0.75', '"value": 0.76', "edited", MEASURE, "edited by hand"),
    (MEASURE, '"n": 16', '"n": 61', "edited", MEASURE, "no longer fits its digest"),
    (WEIGHTS, '"good": 1', '"good": 2', "edited", WEIGHTS, "not the file that toy.measure made"),
    (MEASURE, '"schema": 1', '"schema": 2', "broken", MEASURE, "newer Verifolio"),
    (
        "projects/toy/measure.py",
        "> margin",
        ">= margin",
        "stale",
        "projects/toy/measure.py",
        "toy.measure is stale: code changed",
    ),
    (
        "projects/toy/reviews.py",
        "z: float = 1.96",
        "z: float = 2.58",
        "stale",
        "projects/toy/reviews.py",
        "toy.measure is stale: code changed",
    ),
    (DECLARED, "margin: 0", "margin: 1", "stale", DECLARED, "parameter margin changed: 0 → 1"),
    (DECLARED, "seed: 7", "seed: 8", "stale", DECLARED, "seed changed: 7 → 8"),
    (
        "projects/catalogue.yml",
        "7ad0de",
        "000000",
        "stale",
        "projects/catalogue.yml",
        "input reviews changed",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "state", "blamed", "reason"), EDITS)
def test_an_edit_is_named_with_its_file(workbench, file, old, new, state, blamed, reason):
    revert = workbench.edit(file, old, new)
    one = states_of(workbench)["toy.measure"]
    assert (one.state, one.reasons[0].path) == (state, blamed)
    assert reason in one.reasons[0].message
    assert "verifolio run" in one.reasons[0].hint or "git pull" in one.reasons[0].hint
    revert()
    assert {one.state for one in states_of(workbench).values()} == {"fresh"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("projects/toy/measure.py", "The sum of all weights.", "All weights, summed."),
        ("projects/toy/measure.py", "    words = text", "    # in lower case\n    words = text"),
        (DECLARED, "en: Word lists", "en: Lists of words"),
        ("projects/catalogue.yml", "Sixteen tiny reviews", "16 tiny reviews"),
        (DECLARED, "limit: 6", "limit: 8"),
    ],
    ids=["docstring", "comment", "title", "catalogue title", "another profile"],
)
def test_words_do_not_make_a_result_stale(workbench, file, old, new):
    workbench.edit(file, old, new)
    assert {one.state for one in states_of(workbench).values()} == {"fresh"}


def test_what_rests_on_a_stale_result_is_stale_too(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    states = states_of(workbench)
    assert states["toy.export"].state == "stale"
    assert states["toy.export"].reasons[0].path == "projects/toy/measure.py"  # it imports it as well
    assert "rests on toy.measure, which is stale" in states["toy.compare"].reasons[0].message


def test_a_missing_result_says_so_and_takes_its_dependents_along(workbench):
    (workbench.root / MEASURE).unlink()
    states = states_of(workbench)
    assert states["toy.measure"].state == "missing"
    assert reasons(states["toy.measure"]) == [(MEASURE, "result missing: never run")]
    assert {states["toy.compare"].state, states["toy.export"].state} == {"stale"}


def test_a_missing_product_is_named(workbench):
    (workbench.root / WEIGHTS).unlink()
    assert reasons(states_of(workbench)["toy.measure"]) == [(WEIGHTS, "product of toy.measure is missing")]


def test_a_declared_file_counts_by_its_bytes(workbench):
    workbench.edit("projects/toy/walk.ipynb", "print(2 + 2)", "print(2 + 3)")
    assert reasons(states_of(workbench)["toy.compare"]) == [
        ("projects/toy/walk.ipynb", "toy.compare is stale: file changed")
    ]


def test_an_edit_with_a_digest_made_to_fit_is_caught_by_the_lock(workbench):
    raw = json.loads(workbench.read(MEASURE))
    raw["metrics"]["accuracy"]["value"] = 0.85
    write_result(workbench.root / MEASURE, msgspec.convert(raw, Result))
    one = states_of(workbench)["toy.measure"]
    assert one.state == "edited"
    assert reasons(one) == [(MEASURE, "differs from what pytask.lock recorded for the run")]


def test_a_result_copied_from_another_experiment_is_caught(workbench):
    workbench.write(MEASURE, workbench.read("projects/toy/results/compare.json"))
    assert "this is the result of toy.compare, copied here" in str(
        states_of(workbench)["toy.measure"].reasons
    )


def test_a_module_no_longer_imported_is_told_apart_from_a_changed_one(workbench):
    workbench.edit(
        "projects/toy/compare.py", "from projects.toy.reviews import", "from projects.toy.data import"
    )
    workbench.write("projects/toy/data.py", workbench.read("projects/toy/reviews.py"))
    told = reasons(states_of(workbench)["toy.compare"])
    assert ("projects/toy/data.py", "toy.compare is stale: code newly imported") in told
    assert ("projects/toy/reviews.py", "toy.compare is stale: code no longer imported") in told


def test_all_that_changed_is_told_at_once(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    workbench.edit(DECLARED, "seed: 7", "seed: 8")
    workbench.edit(DECLARED, "margin: 0", "margin: 1")
    assert len(states_of(workbench)["toy.measure"].reasons) == 3


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda bench: bench.write("projects/toy/compare.py", "x = 1\ndef broken(:\n"),
            "projects/toy/compare.py:2: not valid Python: invalid syntax",
        ),
        (
            lambda bench: (bench.root / "projects/toy/walk.ipynb").unlink(),
            "projects/toy/experiments.yml: compare rests on projects/toy/walk.ipynb, which is missing",
        ),
        (
            lambda bench: (bench.root / "projects/toy/compare.py").unlink(),
            "projects/toy/experiments.yml: no module ‘projects.toy.compare’",
        ),
    ],
    ids=["a syntax error", "a declared file is gone", "the module is gone"],
)
def test_what_one_experiment_lacks_leaves_the_others_judged(workbench, change, fault):
    change(workbench)
    states = states_of(workbench)
    assert [one.state for one in states.values()] == ["fresh", "stale", "fresh"]
    assert str(states["toy.compare"].reasons[0]).startswith(fault)
    done = workbench.verifolio("run")
    assert done.code == 1
    assert fault in done.said
    assert "Traceback" not in done.said
