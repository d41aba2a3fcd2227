"""Writes down what the comparison of searches found: metrics with intervals, tables, the chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.rag.gold import KINDS, Question
from projects.sentiment.metrics import bootstrap
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

METHODS = {
    "shipped": {"zh": "实际使用的混合检索", "en": "the hybrid that is shipped"},
    "rrf": {"zh": "三路按名次融合，无权重", "en": "the three fused by rank alone"},
    "no_plain": {"zh": "混合检索，只用微调后的 e5", "en": "hybrid with the tuned e5 only"},
    "untuned": {"zh": "混合检索，只用原样的 e5", "en": "hybrid with e5 as it came only"},
    "no_e5": {"zh": "混合检索，去掉 e5", "en": "hybrid without e5"},
    "no_use": {"zh": "混合检索，去掉 USE", "en": "hybrid without USE"},
    "no_words": {"zh": "混合检索，去掉词语匹配", "en": "hybrid without words"},
    "no_lines": {"zh": "混合检索，去掉逐句比较", "en": "hybrid without lines"},
    "no_synonyms": {"zh": "混合检索，去掉口语词表", "en": "hybrid without everyday words"},
    "bm25": {"zh": "只用 BM25", "en": "BM25 alone"},
    "use_m3": {"zh": "只用 USE m3", "en": "USE m3 alone"},
    "e5_tuned": {"zh": "只用微调后的 e5-small", "en": "tuned e5-small alone"},
    "e5_small": {"zh": "只用 e5-small", "en": "e5-small alone"},
    "minilm": {"zh": "只用 MiniLM", "en": "MiniLM alone"},
    "wordllama": {"zh": "只用 WordLlama", "en": "WordLlama alone"},
}


def record_methods(run: Run, rows: list[dict[str, Any]], asked: Sequence[Question]) -> None:
    """Recall with intervals, latency and what the shipped search gains over each other way; the first row is the shipped one."""
    lang = np.array([one.lang for one in asked])
    kind = np.array([one.kind for one in asked])
    for row in rows:
        name, values = METHODS[row["key"]], row["recall5"]
        for suffix, chosen, zh, en in (
            ("", lang != "", "", ""), ("_zh", lang == "zh", "，中文", ", Chinese"), ("_en", lang == "en", "，英文", ", English"),
        ):  # fmt: skip
            run.metric(
                f"recall5_{row['key']}{suffix}", values[chosen].mean(), unit="ratio", better="higher", n=int(chosen.sum()),
                ci=bootstrap(values[chosen], seed=run.seed), ci_method="bootstrap 95 %",
                label={"zh": f"前 5 条召回率：{name['zh']}{zh}", "en": f"recall@5: {name['en']}{en}"},
            )  # fmt: skip
        for measure, zh, en in (("mrr", "MRR@10", "MRR@10"), ("ndcg", "nDCG@10", "nDCG@10")):
            run.metric(
                f"{measure}_{row['key']}", row[measure].mean(), unit="score", better="higher", n=len(asked),
                ci=bootstrap(row[measure], seed=run.seed), ci_method="bootstrap 95 %",
                label={"zh": f"{zh}：{name['zh']}", "en": f"{en}: {name['en']}"},
            )  # fmt: skip
        run.metric(
            f"p95_{row['key']}", 1000 * float(np.percentile(row["seconds"], 95)), unit="milliseconds", better="lower",
            n=len(row["seconds"]), label={"zh": f"检索延迟 p95：{name['zh']}", "en": f"latency p95: {name['en']}"},
        )  # fmt: skip
    shipped = rows[0]
    for row in rows[1:]:
        gain = 100 * (shipped["recall5"] - row["recall5"])
        run.metric(
            f"gain_{row['key']}", gain.mean(), unit="points", better="higher", n=len(asked),
            ci=bootstrap(gain, seed=run.seed), ci_method="paired bootstrap 95 %",
            label={"zh": f"混合检索减{METHODS[row['key']]['zh']}", "en": f"Hybrid minus {METHODS[row['key']]['en']}"},
        )  # fmt: skip
    _record_tables(run, rows, lang, kind)
    _record_chart(run, rows)


def _record_tables(run: Run, rows: list[dict[str, Any]], lang: np.ndarray, kind: np.ndarray) -> None:
    first = {"key": "method", "label": {"zh": "方法", "en": "method"}}
    names = [(f"recall{k}", f"召回@{k}", f"recall@{k}", "ratio") for k in (1, 3, 5, 10)]
    names += [("mrr", "MRR@10", "MRR@10", "score"), ("ndcg", "nDCG@10", "nDCG@10", "score")]
    latency = [("p50", "p50 延迟", "p50", "milliseconds"), ("p95", "p95 延迟", "p95", "milliseconds")]
    run.table(
        "methods",
        columns=[first, *({"key": key, "label": {"zh": zh, "en": en}, "unit": unit} for key, zh, en, unit in names + latency)],
        rows=[
            {"method": METHODS[row["key"]], **{key: float(row[key].mean()) for key, *_ in names},
             **{key: 1000 * float(np.percentile(row["seconds"], int(key[1:]))) for key, *_ in latency}}
            for row in rows
        ],
    )  # fmt: skip
    groups = [(one, kind == one) for one in KINDS if (kind == one).any()]
    titles = {
        "fact": ("单一事实", "single fact"), "table": ("查表", "table look-up"), "multi": ("多处资料", "several passages"),
        "followup": ("追问", "follow-up"), "adversarial": ("对抗", "adversarial"),
    }  # fmt: skip
    run.table(
        "kinds",
        columns=[
            {"key": "kind", "label": {"zh": "问题种类", "en": "kind of question"}},
            *({"key": row["key"], "label": METHODS[row["key"]], "unit": "ratio"} for row in rows),
        ],
        rows=[
            {"kind": dict(zip(("zh", "en"), titles[one], strict=True)),
             **{row["key"]: float(row["recall5"][chosen].mean()) for row in rows}}
            for one, chosen in groups
        ],
    )  # fmt: skip


def _record_chart(run: Run, rows: list[dict[str, Any]]) -> None:
    dots = []
    for row in sorted(rows, key=lambda row: row["recall5"].mean()):
        low, high = bootstrap(row["recall5"], seed=run.seed)
        mean = 100 * float(row["recall5"].mean())
        dots.append({"name": f"@{row['key']}", "value": round(mean, 2), "low": round(100 * low, 2),
                     "high": round(100 * high, 2), "shown": f"{mean:.1f} %"})  # fmt: skip
    words = {f"@{row['key']}": METHODS[row["key"]] for row in rows}
    words["@value"] = {
        "zh": "前 5 条召回率（%），横线为 95 % 区间",
        "en": "recall@5 on test questions (%), bars: 95 % interval",
    }
    run.chart("recall", named_dots(dots, order=[dot["name"] for dot in dots]), words=words)
