"""Runs every finding: is the fault still there, does the patch apply, is the fault gone with it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from projects.open_source.findings import (
    Finding,
    added_test_passes,
    installed_version,
    patched_copy,
    read_findings,
    reproduce,
)

if TYPE_CHECKING:
    from verifolio.record import Run

KINDS = {
    "bug": {"zh": "缺陷", "en": "bug"},
    "documentation": {"zh": "文档错误", "en": "documentation"},
    "missing_test": {"zh": "缺少测试", "en": "missing test"},
}
YES, NO = {"zh": "是", "en": "yes"}, {"zh": "否", "en": "no"}
STATUS = {
    "prepared": {"zh": "已备好，未提交", "en": "prepared, not submitted"},
    "submitted": {"zh": "已提交", "en": "submitted"},
}


def run_findings(run: Run) -> None:
    """Try every finding on the installed library and on a patched copy; record what happened."""
    findings = read_findings()[: run.params["limit"] or None]
    rows = []
    for number, finding in enumerate(findings):
        rows.append(_try(finding))
        run.progress(number + 1, len(findings), finding.slug)
    run.table(
        "findings",
        columns=[
            {"key": "finding", "label": {"zh": "发现", "en": "Finding"}},
            {"key": "title", "label": {"zh": "内容", "en": "What"}},
            {"key": "kind", "label": {"zh": "类别", "en": "Kind"}},
            {"key": "package", "label": {"zh": "软件包", "en": "Package"}},
            {"key": "reproduced", "label": {"zh": "复现", "en": "Reproduced"}},
            {"key": "patched", "label": {"zh": "补丁修复", "en": "Mended by the patch"}},
            {"key": "added", "label": {"zh": "增行", "en": "Lines added"}, "unit": "count"},
            {"key": "removed", "label": {"zh": "删行", "en": "Lines removed"}, "unit": "count"},
            {"key": "status", "label": {"zh": "状态", "en": "State"}},
        ],
        rows=[{name: cell for name, cell in row.items() if not name.startswith("_")} for row in rows],
    )
    _record(run, findings, rows)


def _try(finding: Finding) -> dict[str, Any]:
    before = reproduce(finding)
    with patched_copy(finding) as overlay:
        mended = not reproduce(finding, overlay).stands
        tests = (
            [added_test_passes(finding, overlay, patched=side) for side in (False, True)]
            if finding.entry.test
            else []
        )
    if tests:
        mended = mended and tests == [False, True]  # the new test fails without the fix and passes with it
    body = [line for line in finding.patch.splitlines() if not line.startswith(("---", "+++"))]
    return {
        "finding": finding.slug,
        "title": {lang: text.replace("`", "") for lang, text in finding.entry.title.items()},
        "kind": KINDS[finding.entry.kind],
        "package": f"{finding.entry.package} {installed_version(finding)}",
        "reproduced": YES if before.stands else NO,
        "patched": YES if mended else NO,
        "added": sum(line.startswith("+") for line in body),
        "removed": sum(line.startswith("-") for line in body),
        "status": STATUS[finding.entry.status],
        "_reproduced": before.stands,
        "_patched": before.stands and mended,
        "_pinned": installed_version(finding) == finding.entry.version,
    }


def _record(run: Run, findings: list[Finding], rows: list[dict[str, Any]]) -> None:
    kinds = Counter(finding.entry.kind for finding in findings)
    for key, value, zh, en in (
        ("findings", len(rows), "发现", "findings"),
        ("reproduced", sum(row["_reproduced"] for row in rows), "在锁定版本上复现的发现", "findings reproduced on the pinned versions"),
        ("patched", sum(row["_patched"] for row in rows), "补丁能修复的发现", "findings that their patch mends"),
        ("pinned", sum(row["_pinned"] for row in rows), "安装版本与记录一致的发现", "findings whose recorded version is installed"),
        ("bugs", kinds["bug"], "缺陷", "bugs"),
        ("documentation", kinds["documentation"], "文档错误", "documentation errors"),
        ("missing_tests", kinds["missing_test"], "缺少的测试", "missing tests"),
        ("packages", len({finding.entry.package for finding in findings}), "涉及的软件包", "packages concerned"),
        ("submitted", sum(finding.entry.status == "submitted" for finding in findings), "已提交的发现", "findings submitted"),
        ("lines", sum(row["added"] + row["removed"] for row in rows), "补丁行数", "lines changed by the patches"),
    ):  # fmt: skip
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
