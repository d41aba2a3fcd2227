"""The pipeline runs what is stale, in order, and agrees with `verifolio check` on what that is."""

from __future__ import annotations

import json
import os
import sys

import pytest

from verifolio.busy import only_run
from verifolio.errors import AuthorError
from verifolio.freshness import check_freshness
from verifolio.pipeline import run_pipeline, would_run
from verifolio.portfolio import read_portfolio
from verifolio.stage import stage

ALL = ["toy.compare", "toy.export", "toy.measure"]
RESULTS = "projects/toy/results"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    """The pipeline chooses profile, folder and modules for its process: put all back."""
    monkeypatch.setenv("VERIFOLIO_PROFILE", "")
    monkeypatch.setenv("VERIFOLIO_FORCED", "")
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "task_toy" in name or name.partition(".")[0] == "projects":
            del sys.modules[name]


def ran(said: str) -> list[str]:
    """The experiments that a run executed, in order."""
    return [line.split()[0] for line in said.splitlines() if "started (profile" in line]


def not_fresh(workbench) -> list[str]:
    states = check_freshness(read_portfolio(workbench.root))
    return sorted(name for name, one in states.items() if one.state != "fresh")


EDITS = {
    "nothing": None,
    "the code of one": ("projects/toy/compare.py", "max(share", "min(share"),
    "the code that two share": ("projects/toy/reviews.py", "rows[:limit]", "rows"),
    "a parameter": ("projects/toy/experiments.yml", "margin: 0", "margin: 1"),
    "a seed": ("projects/toy/experiments.yml", "seed: 7", "seed: 8"),
    "an input's hash": ("projects/catalogue.yml", "7ad0de", "000000"),
    "a declared file": ("projects/toy/walk.ipynb", "2 + 2", "2 + 3"),
    "a digit of a result": (f"{RESULTS}/compare.json", '"baseline": {\n   "value": 0.5', '"baseline": {\n   "value": 0.6'),
    "a comment": ("projects/toy/compare.py", "    return {\n", "    # the plainest\n    return {\n"),
    "another profile": ("projects/toy/experiments.yml", "limit: 6", "limit: 8"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_pytask_and_check_agree_on_what_an_edit_makes_stale(workbench, edit):
    if EDITS[edit]:
        workbench.edit(*EDITS[edit])
    waiting = set(would_run(workbench.root))
    assert waiting == set(not_fresh(workbench))
    assert bool(waiting) == (edit not in ("nothing", "a comment", "another profile"))


def test_a_missing_result_would_be_run(workbench):
    (workbench.root / RESULTS / "measure.json").unlink()
    assert "toy.measure" in would_run(workbench.root)
    assert not_fresh(workbench) == ALL


def test_a_run_from_nothing_gives_the_committed_numbers(workbench):
    before = {
        name: json.loads(workbench.read(f"{RESULTS}/{name}.json"))
        for name in ("measure", "compare", "export")
    }
    for path in (workbench.root / RESULTS).rglob("*"):
        if path.is_file():
            path.unlink()
    (workbench.root / "pytask.lock").unlink()
    done = workbench.verifolio("run")
    assert done.code == 0
    assert ran(done.said)[0] == "toy.measure"
    assert sorted(ran(done.said)) == ALL
    for name, then in before.items():
        now = json.loads(workbench.read(f"{RESULTS}/{name}.json"))
        for part in ("title", "metrics", "tables", "charts"):
            assert now[part] == then[part]
        for part in ("params", "seed", "code", "files", "products", "derived", "profile"):
            assert now["receipt"].get(part) == then["receipt"].get(part)
    assert workbench.verifolio("check").code == 0
    assert ran(workbench.verifolio("run").said) == []


def test_a_changed_line_runs_its_experiment_and_what_rests_on_it(workbench):
    workbench.edit("projects/toy/compare.py", "max(share, 1 - share)", "max(share, 0.9)")
    done = workbench.verifolio("run")
    assert (done.code, ran(done.said)) == (0, ["toy.compare"])
    assert '"value": 0.9' in workbench.read(f"{RESULTS}/compare.json")


@pytest.mark.parametrize("loss", ["a comment in the task file", "the lock"])
def test_what_is_fresh_is_not_run_again_after(workbench, loss):
    if loss == "the lock":
        (workbench.root / "pytask.lock").unlink()
    else:
        workbench.edit("projects/toy/task_toy.py", "for experiment in", "# each\nfor experiment in")
    assert ran(workbench.verifolio("run").said) == []
    assert would_run(workbench.root) == []  # and pytask has noted it


def test_force_runs_what_is_named_and_nothing_else(workbench):
    assert ran(workbench.verifolio("run", "toy.compare", "--force").said) == ["toy.compare"]
    assert not_fresh(workbench) == []


def test_a_name_runs_what_it_needs_first_and_leaves_the_rest(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    assert ran(workbench.verifolio("run", "toy.compare").said) == ["toy.measure", "toy.compare"]
    assert not_fresh(workbench) == ["toy.export"]


def test_a_second_run_in_the_same_tree_is_told_who_is_at_work(workbench):
    with only_run(workbench.root, "laptop"):
        done = workbench.verifolio("run")
        assert done.code == 1
        assert "another ‘verifolio run’ is at work in this folder" in done.said
        assert f"process {os.getpid()}, since 20" in done.said
        assert "Traceback" not in done.said
        assert workbench.verifolio("run", "toy.measure", "--profile", "smoke").code == 0  # has its own lock
    assert workbench.verifolio("run").code == 0


def test_another_profile_leaves_the_published_results_alone(workbench):
    lock = workbench.read("pytask.lock")
    done = workbench.verifolio("run", "toy.measure", "--profile", "smoke")
    assert done.code == 0
    smoke = json.loads(workbench.read("build/results/smoke/toy/measure.json"))
    assert smoke["metrics"]["accuracy"]["n"] == 6
    assert smoke["receipt"]["command"] == "verifolio run toy.measure --profile smoke"
    assert workbench.read("pytask.lock") == lock
    assert not_fresh(workbench) == []


def test_a_failing_experiment_keeps_its_old_result_and_the_others_new_ones(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    workbench.edit(
        "projects/toy/compare.py", '    label = {"zh"', '    raise ValueError("ouch")\n    label = {"zh"'
    )
    old = workbench.read(f"{RESULTS}/compare.json")
    done = workbench.verifolio("run")
    assert done.code == 1
    assert "ValueError: ouch" in done.said
    assert "what finished is kept" in done.said
    assert workbench.read(f"{RESULTS}/compare.json") == old
    assert not_fresh(workbench) == ["toy.compare"]


def receipt(workbench) -> dict[str, object]:
    return json.loads(workbench.read(f"{RESULTS}/measure.json"))["receipt"]


def test_the_receipt_says_whether_the_code_was_committed(workbench):
    workbench.commit()
    workbench.verifolio("execute", "toy.measure")
    assert receipt(workbench)["commit"] == workbench.git("rev-parse", "HEAD").strip()
    assert receipt(workbench)["dirty"] is False
    workbench.edit("projects/toy/measure.py", "The sum of all weights.", "All weights, summed.")
    workbench.verifolio("execute", "toy.measure")
    assert receipt(workbench)["dirty"] is True
    stage(workbench.root, strict=False)
    assert "(with uncommitted changes)" in workbench.read("build/docs/en/receipts/toy/measure.md")
    assert "（工作区有未提交的改动）" in workbench.read("build/docs/zh/receipts/toy/measure.md")


@pytest.mark.parametrize("git", ["no repository", "no program"])
def test_without_git_a_run_makes_a_receipt_without_a_commit(workbench, git):
    path = {"PATH": str(workbench.root / "nothing")} if git == "no program" else {}
    done = workbench.verifolio("execute", "toy.measure", **path)
    assert (done.code, "Traceback" in done.said) == (0, False)
    assert (receipt(workbench)["commit"], receipt(workbench)["dirty"]) == ("", True)
    assert "every result fresh" not in workbench.verifolio("check", **path).said  # others rest on the old one


def test_an_experiment_that_no_task_runs_is_named(workbench):
    (workbench.root / "projects/toy/task_toy.py").unlink()
    done = workbench.verifolio("run")
    assert done.code == 1
    assert "projects/toy/experiments.yml: no task runs toy.measure" in done.said
    assert "projects/toy/task_toy.py" in done.said


def test_an_unknown_name_is_answered_with_the_nearest(workbench):
    with pytest.raises(AuthorError, match=r"no experiment ‘toy.mesure’") as caught:
        run_pipeline(workbench.root, profile="laptop", names=["toy.mesure"], force=False)
    assert "toy.measure" in caught.value.faults[0].hint


def test_a_projects_name_stands_for_its_experiments(workbench):
    results = sorted((workbench.root / RESULTS).glob("*.json"))
    for one in results:
        one.unlink()
    done = workbench.verifolio("run", "toy")
    assert done.code == 0, done.said
    assert sorted((workbench.root / RESULTS).glob("*.json")) == results
    assert not_fresh(workbench) == []


def test_experiments_that_need_each_other_are_named(workbench):
    workbench.edit("projects/toy/experiments.yml", "seed: 7", "seed: 7\n    needs: [compare]")
    with pytest.raises(AuthorError, match=r"in a circle: toy.measure → toy.compare → toy.measure") as caught:
        read_portfolio(workbench.root)
    assert caught.value.faults[0].path == "projects/toy/experiments.yml"


OTHER = """\
title: {zh: 另一个项目, en: Another project}
summary: {zh: 引用玩具项目。, en: Rests on the toy.}
experiments:
  summary:
    title: {zh: 汇总, en: Summary}
    run: projects.other.summary:run_summary
    needs: [toy.measure]
"""
SUMMARY = """\
def run_summary(run):
    accuracy = run.result_of("toy.measure").metrics["accuracy"].value
    weights = run.product_of("toy.measure", "measure/weights.json").stat().st_size
    run.metric("accuracy", accuracy, unit="ratio", label={"zh": "准确率", "en": "accuracy"})
    run.metric("weights", weights, unit="bytes", label={"zh": "权重", "en": "weights"})
"""


def with_another_project(workbench, declared=OTHER):
    workbench.write("projects/other/__init__.py", "")
    workbench.write("projects/other/summary.py", SUMMARY)
    workbench.write("projects/other/experiments.yml", declared)
    workbench.write("projects/other/task_other.py", workbench.read("projects/toy/task_toy.py"))


def test_an_experiment_may_rest_on_another_project(workbench):
    with_another_project(workbench)
    assert ran(workbench.verifolio("run", "other.summary").said) == ["other.summary"]
    done = json.loads(workbench.read("projects/other/results/summary.json"))
    toy = json.loads(workbench.read("projects/toy/results/measure.json"))
    assert done["metrics"]["accuracy"]["value"] == toy["metrics"]["accuracy"]["value"]
    assert not_fresh(workbench) == []
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    assert "other.summary" in not_fresh(workbench)
    assert ran(workbench.verifolio("run", "other.summary").said) == ["toy.measure", "other.summary"]


@pytest.mark.parametrize(("need", "reason"), [
    ("toy.mesure", "summary needs ‘toy.mesure’, which is not declared"),
    ("measure", "summary needs ‘measure’, which is not declared"),
])  # fmt: skip
def test_a_need_in_another_project_must_exist(workbench, need, reason):
    with_another_project(workbench, OTHER.replace("toy.measure", need))
    with pytest.raises(AuthorError, match=reason) as caught:
        read_portfolio(workbench.root)
    assert caught.value.faults[0].path == "projects/other/experiments.yml"


DECLARATIONS = [
    ("seed: 7", "sede: 7", "Object contains unknown field `sede`"),
    ("seed: 7", "seed: seven", "Expected `int`, got `str`"),
    ("needs: [measure]\n    inputs", "needs: [mesure]\n    inputs", "compare needs ‘mesure’, which is not declared"),
    ("inputs: [reviews]\n    seed", "inputs: [review]\n    seed", "input ‘review’ is not in projects/catalogue.yml"),
    ("smoke: {", "smok: {", "measure: no profile ‘smok’"),
    ("run: projects.toy.measure:run_measure", "run: projects.toy.measure", "run is written module:function"),
    ("  measure:\n", "  Measure-1:\n", "keys are lower case letters"),
    ("    derive: projects.toy.export:derive_model\n", "", "export has derived files but no derive:"),
    ("title: {zh: 玩具, en: Toy}", "title: {zh: 玩具, en: Toy", "broken YAML"),
    ("title: {zh: 玩具, en: Toy}", "title: {zh: 玩具}", "title: no words in en"),
    ("title: {zh: 导出, en: Export}", "title: {en: Export}", "export: title: no words in zh"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "reason"), DECLARATIONS)
def test_an_odd_declaration_is_named(workbench, old, new, reason):
    workbench.edit("projects/toy/experiments.yml", old, new)
    with pytest.raises(AuthorError) as caught:
        read_portfolio(workbench.root)
    assert any(
        one.path == "projects/toy/experiments.yml" and reason in one.message for one in caught.value.faults
    )


def test_derived_files_are_made_again_from_committed_products(workbench):
    done = workbench.verifolio("derive")
    assert done.said == "build/derived/toy/model.txt: bytes as in the receipt\n"
    assert workbench.read("build/derived/toy/model.txt").startswith("awful\t-1\n")
