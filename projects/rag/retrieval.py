"""Experiment: how often each way of searching finds the gold passages of the held-out questions."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.rag.base import open_base
from projects.rag.embedders import load_embedder
from projects.rag.followup import Resolver
from projects.rag.gold import KINDS, Question, load_questions
from projects.rag.rankers import bm25_scorer, dense_scorer, rank
from projects.rag.records import Passage
from projects.sentiment.metrics import bootstrap
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

DEPTH = 10
METHODS = {
    "shipped": {"zh": "实际使用的混合检索", "en": "the hybrid that is shipped"},
    "bm25": {"zh": "只用 BM25", "en": "BM25 alone"},
    "use_m3": {"zh": "只用 USE m3", "en": "USE m3 alone"},
    "e5_small": {"zh": "只用 e5-small", "en": "e5-small alone"},
    "minilm": {"zh": "只用 MiniLM", "en": "MiniLM alone"},
    "wordllama": {"zh": "只用 WordLlama", "en": "WordLlama alone"},
}
Search = Callable[[str], list[Passage]]


def run_retrieval(run: Run) -> None:
    """Rank for every answerable test question by each method; follow-ups are resolved first."""
    asked = [one for one in load_questions("test") if one.answerable]
    if run.params["limit"]:
        asked = asked[:: max(1, len(asked) // run.params["limit"])]
    with tempfile.TemporaryDirectory() as folder, open_base(home=Path(folder)) as base:
        passages = base.passages
        resolver = Resolver(passages)
        texts = [resolver.resolve(one.question, one.history) for one in asked]
        rows = []
        for key in ["shipped", "bm25", *run.params["models"]]:
            search: Search
            if key == "shipped":
                search = lambda text: base.find(text, DEPTH).passages  # noqa: E731
            else:
                if key != "bm25":
                    run.input(key)  # its bytes are the catalogue's
                scorer = (
                    bm25_scorer(passages) if key == "bm25" else dense_scorer(passages, load_embedder(key))
                )
                search = lambda text, scorer=scorer: rank(scorer, passages, text, DEPTH)  # noqa: E731
            rows.append(_measure(key, search, asked, texts))
            run.say(f"{key}: recall@5 {rows[-1]['recall5'].mean():.3f}")
    _record(run, rows, asked)


def _measure(key: str, search: Search, asked: Sequence[Question], texts: Sequence[str]) -> dict[str, Any]:
    search(texts[0])  # loads what is loaded on first use
    found, seconds = [], []
    for text in texts:
        start = time.perf_counter()
        found.append(search(text))
        seconds.append(time.perf_counter() - start)
    pairs = list(zip(asked, found, strict=True))
    row: dict[str, Any] = {"key": key, "seconds": np.array(seconds)}
    for k in (1, 3, 5, 10):
        row[f"recall{k}"] = np.array([np.mean(question.found(hits[:k])) for question, hits in pairs])
    row["mrr"] = np.array([_reciprocal_rank(question, hits) for question, hits in pairs])
    row["ndcg"] = np.array([_ndcg(question, hits) for question, hits in pairs])
    return row


def _reciprocal_rank(question: Question, hits: Sequence[Passage]) -> float:
    return next((1 / at for at, hit in enumerate(hits, start=1) if question.relevant(hit)), 0.0)


def _ndcg(question: Question, hits: Sequence[Passage]) -> float:
    """Gain of one for each passage needed where it is first met, since any of its places will do."""
    gained, before = 0.0, 0
    for at in range(1, len(hits) + 1):
        now = sum(question.found(hits[:at]))
        gained += (now - before) / np.log2(at + 1)
        before = now
    return gained / sum(1 / np.log2(at + 1) for at in range(1, len(question.gold) + 1))


def _record(run: Run, rows: list[dict[str, Any]], asked: Sequence[Question]) -> None:
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
        run.metric(
            f"p95_{row['key']}", 1000 * float(np.percentile(row["seconds"], 95)), unit="milliseconds", better="lower",
            n=len(asked), label={"zh": f"检索延迟 p95：{name['zh']}", "en": f"latency p95: {name['en']}"},
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
