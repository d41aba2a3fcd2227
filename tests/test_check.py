"""`verifolio check`: the smallest lie is found, with its file and reason; undoing it mends all."""

from __future__ import annotations

import pytest

from verifolio.check import check
from verifolio.errors import AuthorError
from verifolio.stage import stage

ZH, EN = "blog/first-numbers/zh.md", "blog/first-numbers/en.md"
CLAIM = "{{claim toy.measure.accuracy > toy.compare.baseline}}"

LIES = {
    "a digit of a committed result": (
        "projects/toy/results/measure.json", '"value": 0.75', '"value": 0.76',
        "projects/toy/results/measure.json: edited by hand: the content no longer fits its digest",
    ),
    "a line of the experiment's code": (
        "projects/toy/measure.py", "> margin", ">= margin",
        "projects/toy/measure.py: toy.measure is stale: code changed",
    ),
    "a claim's operator": (
        EN, CLAIM, CLAIM.replace(">", "<"),
        f"{EN}:17: claim is false: toy.measure.accuracy < toy.compare.baseline "
        "(toy.compare.baseline = 50.0\u202f%, toy.measure.accuracy = 75.0\u202f%)",
    ),
    "a parameter": (
        "projects/toy/experiments.yml", "margin: 0", "margin: 1",
        "projects/toy/experiments.yml: toy.measure is stale: parameter margin changed: 0 → 1",
    ),
    "a key": (
        EN, "with {{ toy.measure.weights }}", "with {{ toy.measure.weihgts }}",
        f"{EN}:13: toy.measure has no metric ‘weihgts’",
    ),
    "a number typed by hand": (
        ZH, "那是另一回事", "其实是75.0%", f"{ZH}:19: ‘75.0%’ is typed by hand and looks like toy.measure.accuracy",
    ),
    "a claim that guards a title": (
        ZH, "claim: toy.measure.accuracy > 0.5", "claim: toy.measure.accuracy < 0.5", f"{ZH}:33: claim is false",
    ),
    "a chart's alt text": (
        ZH, "alt: 两根横条，词表更长\n", "", f"{ZH}:33: chart toy.compare.accuracy has no alt text",
    ),
    "a quoted symbol": (
        "projects/toy/measure.py", "def judge", "def decide", f"{EN}:39: projects/toy/measure.py has no symbol ‘judge’",
    ),
    "a link": (
        "blog/second-look/en.md", "](first-numbers.md)", "](first-number.md)",
        "build/docs/en/blog/posts/second-look.md: link to first-number.md, which is no page",
    ),
    "a demo's column": (
        "demos/toy/demo.yml", "score: score", "score: scores",
        "demos/toy/demo.yml: toy.export.examples has no column ‘scores’",
    ),
    "a demo's key": (
        "demos/toy/demo.yml", "bad_at:", "bad_on:", "demos/toy/demo.yml: Object contains unknown field `bad_on`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_one_edit_makes_check_and_strict_staging_fail_and_reverting_mends_it(workbench, lie):
    file, old, new, fault = LIES[lie]
    assert check(workbench.root) == []
    revert = workbench.edit(file, old, new)
    told = [str(one) for one in check(workbench.root)]
    assert any(one.startswith(fault) for one in told), "\n".join(told)
    if lie != "a link":  # links are checked on what would be staged, not while staging
        with pytest.raises(AuthorError):
            stage(workbench.root)
        assert not (workbench.root / "build/docs").exists()
    revert()
    assert check(workbench.root) == []
    assert stage(workbench.root).faults == []


def test_all_faults_come_together_sorted_by_file_and_line(workbench):
    workbench.edit(EN, CLAIM, CLAIM.replace(">", "<"))
    workbench.edit(EN, "with {{ toy.measure.weights }}", "with {{ toy.measure.weihgts }}")
    workbench.edit("blog/second-look/zh.md", "week: 2", "weak: 2")
    faults = check(workbench.root)
    assert {(EN, 13), (EN, 17), ("blog/second-look/zh.md", 6)} <= {(one.path, one.line) for one in faults}
    assert faults == sorted(set(faults))


def test_a_stale_result_is_told_where_it_is_bound_and_where_it_comes_from(workbench):
    workbench.edit("projects/toy/compare.py", "max(share, 1 - share)", "max(share, 0.9)")
    assert {(one.path, one.line) for one in check(workbench.root)} == {
        ("projects/toy/compare.py", 0),
        (ZH, 17), (EN, 17),
        ("blog/second-look/zh.md", 15), ("blog/second-look/en.md", 15),
    }  # fmt: skip


def test_checking_writes_no_page(workbench):
    check(workbench.root)
    assert not (workbench.root / "build/docs").exists()
