"""Puts what collect.py found into a result, so that the contributions page binds it like any other number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from projects.open_source.collect import FILE, read_contributions

if TYPE_CHECKING:
    from verifolio.record import Run

KINDS = {
    "pull_request": {"zh": "拉取请求", "en": "pull request"},
    "issue": {"zh": "议题", "en": "issue"},
    "review": {"zh": "评审", "en": "review"},
}
STATES = {
    "open": {"zh": "开放", "en": "open"},
    "draft": {"zh": "草稿", "en": "draft"},
    "merged": {"zh": "已合并", "en": "merged"},
    "closed": {"zh": "已关闭", "en": "closed"},
}


def run_contributions(run: Run) -> None:
    """Count the contributions by kind and state, and list them, newest first."""
    found = read_contributions(run.root / "projects" / "open_source" / FILE.name)
    kinds = Counter(one.kind for one in found.items)
    for key, value, zh, en in (
        ("items", len(found.items), "贡献", "contributions"),
        ("pull_requests", kinds["pull_request"], "拉取请求", "pull requests"),
        ("merged", sum(one.kind == "pull_request" and one.state == "merged" for one in found.items), "已合并的拉取请求", "pull requests merged"),
        ("issues", kinds["issue"], "议题", "issues"),
        ("reviews", kinds["review"], "评审", "reviews"),
        ("repositories", len({one.repository for one in found.items}), "涉及的仓库", "repositories concerned"),
        ("collected", int(found.collected is not None), "是否向 GitHub 查询过", "whether GitHub was asked"),
    ):  # fmt: skip
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
    run.table(
        "items",
        columns=[
            {"key": "where", "label": {"zh": "编号", "en": "Where"}},
            {"key": "kind", "label": {"zh": "类型", "en": "Kind"}},
            {"key": "title", "label": {"zh": "标题", "en": "Title"}},
            {"key": "state", "label": {"zh": "状态", "en": "State"}},
            {"key": "date", "label": {"zh": "日期", "en": "Date"}},
        ],
        rows=[
            {
                "where": f"{one.repository}#{one.number}",
                "kind": KINDS[one.kind],
                "title": one.title,
                "state": STATES[one.state],
                "date": one.date.isoformat(),
            }
            for one in reversed(found.items)
        ],
    )
