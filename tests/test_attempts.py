"""What is left of earlier attempts: an interrupted run goes on with its own, and nobody else's."""

from __future__ import annotations

import errno
import json
import os

import pytest

from verifolio.errors import AuthorError
from verifolio.files import move_into_place
from verifolio.freshness import check_freshness
from verifolio.portfolio import read_portfolio
from verifolio.record import Run

COUNT = "    (run.work / 'steps').open('a').write('x')\n    print('steps', len((run.work / 'steps').read_text()))\n"


def cut_off(workbench, more=""):
    """A run of toy.compare that ends in the middle; the way to mend it."""
    workbench.edit("projects/toy/compare.py", "    label = {", f"{COUNT}{more}    label = {{")
    assert "cut off" in workbench.verifolio("execute", "toy.compare", CUT="1").said


def test_a_run_goes_on_with_its_own_checkpoints_and_counts_all_its_time(workbench):
    cut_off(
        workbench,
        "    import os, time\n    if os.environ.get('CUT'):\n        time.sleep(1.2)\n        (run.work / 'last').touch()\n        raise SystemExit('cut off')\n",
    )
    done = workbench.verifolio("execute", "toy.compare")
    assert "steps 2" in done.said
    result = json.loads(workbench.read("projects/toy/results/compare.json"))
    assert result["receipt"]["duration_s"] > 1.2


def test_checkpoints_of_other_code_are_not_gone_on_with(workbench):
    cut_off(workbench, "    import os\n    if os.environ.get('CUT'):\n        raise SystemExit('cut off')\n")
    workbench.edit("projects/toy/reviews.py", "z: float = 1.96", "z: float = 2.58")
    assert "steps 1" in workbench.verifolio("execute", "toy.compare").said


def test_deriving_leaves_the_checkpoints_of_an_interrupted_run(workbench):
    assert workbench.verifolio("execute", "toy.export").code == 0
    workbench.write("build/work/laptop/toy/export/work/step-1", "")
    workbench.write("build/derived/toy/export.from", "another result\n")
    assert workbench.verifolio("derive", "toy.export").code == 0
    assert workbench.read("build/work/laptop/toy/export/work/step-1") == ""
    assert not (workbench.root / "build/work/laptop/toy/export.derive").exists()


def test_an_edited_product_is_refused_by_what_needs_it_and_made_again_by_a_run(workbench):
    portfolio = read_portfolio(workbench.root)
    workbench.edit("projects/toy/results/measure/weights.json", '"good": 1', '"good": 2')
    with pytest.raises(AuthorError, match=r"not the product that toy\.measure made") as caught:
        Run(portfolio, portfolio.experiment("toy.export"), "laptop").product_of(
            "measure", "measure/weights.json"
        )
    assert "verifolio run toy.measure --force" in caught.value.faults[0].hint
    done = workbench.verifolio("run")
    assert done.code == 0, done.said
    assert {one.state for one in check_freshness(portfolio).values()} == {"fresh"}


def test_derived_files_of_an_older_result_are_made_again_before_they_are_used(workbench):
    assert workbench.verifolio("execute", "toy.export").code == 0
    workbench.write("build/derived/toy/model.txt", "old\n")
    workbench.write("build/derived/toy/export.from", "another result\n")
    workbench.edit(
        "projects/toy/experiments.yml",
        "    needs: [measure]\n    inputs: [reviews]",
        "    needs: [measure, export]\n    inputs: [reviews]",
    )
    show = "    print('model', run.derived_of('export', 'model.txt').read_text())\n"
    workbench.edit("projects/toy/compare.py", "    label = {", f"{show}    label = {{")
    done = workbench.verifolio("execute", "toy.compare")
    assert "deriving model.txt from the products of toy.export" in done.said
    assert "model awful\t-1" in done.said


def test_a_refused_result_leaves_the_old_products_where_they_are(workbench):
    workbench.edit(
        "projects/toy/measure.py",
        "    run.product(",
        "    run.metric('odd', 1, unit='parsecs', label={'zh': 'x', 'en': 'x'})\n    WEIGHTS['more'] = 1\n    run.product(",
    )
    assert "unknown unit ‘parsecs’" in workbench.verifolio("execute", "toy.measure").said
    assert "more" not in workbench.read("projects/toy/results/measure/weights.json")


@pytest.mark.parametrize(
    "line",
    [
        "run.table('t', columns=[{'key': 'a', 'label': {'zh': 'x', 'en': 'x'}}], rows=[{'a': True}])",
        "run.chart('c', {'$schema': 'x', 'data': {'values': [{'v': float('nan')}]}})",
    ],
)
def test_what_could_not_be_read_again_is_not_written(workbench, line):
    old = workbench.read("projects/toy/results/compare.json")
    workbench.edit("projects/toy/compare.py", "    label = {", f"    {line}\n    label = {{")
    done = workbench.verifolio("execute", "toy.compare")
    assert "not a valid result" in done.said
    assert "Traceback" not in done.said
    assert workbench.read("projects/toy/results/compare.json") == old


def test_a_build_folder_on_another_disk_is_no_matter(tmp_path, monkeypatch):
    replace = os.replace

    def across(source, target):
        if "work" in str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    monkeypatch.setattr("verifolio.files.os.replace", across)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.json").write_text("new")
    move_into_place(tmp_path / "work" / "a.json", tmp_path / "results" / "a.json")
    assert (tmp_path / "results" / "a.json").read_text() == "new"
    assert [one.name for one in (tmp_path / "results").iterdir()] == ["a.json"]


def test_another_function_makes_a_result_stale(workbench):
    assert workbench.verifolio("execute", "toy.compare").code == 0
    workbench.edit(
        "projects/toy/experiments.yml", "projects.toy.compare:run_compare", "projects.toy.compare:_bars"
    )
    one = check_freshness(read_portfolio(workbench.root))["toy.compare"]
    assert one.state == "stale"
    assert (
        "another function runs: projects.toy.compare:run_compare → projects.toy.compare:_bars"
        in one.reasons[0].message
    )


def test_a_hint_names_the_profile(workbench):
    one = check_freshness(read_portfolio(workbench.root), "smoke")["toy.measure"]
    assert one.reasons[0].hint == "verifolio run toy.measure --profile smoke"
