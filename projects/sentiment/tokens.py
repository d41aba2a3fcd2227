"""How few tokens the published classifier may read: its accuracy and its time at several lengths, no training.

The weights are the published INT8 ones; a review is cut as the demo cuts it (a third from the start, the rest from the
end) and read alone on one thread, since that is how the reader's browser does it.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.charts import SCHEMA
from projects.sentiment.data import load_split
from projects.sentiment.inference import MODEL, Classifier, margin
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.text import clean

if TYPE_CHECKING:
    from verifolio.record import Run

WARM = 5
COSTS = {"half": 0.5, "one": 1.0}  # points of accuracy that one may be ready to give


class OneThread(Classifier):
    """The published classifier on one thread, reading at most `max_tokens`."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        import onnxruntime

        super().__init__(folder)
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL), options, providers=["CPUExecutionProvider"]
        )
        self.max_tokens = max_tokens

    def length(self, text: str) -> int:
        """Tokens of a text with [CLS] and [SEP], uncut."""
        return len(self._tokenizer.encode(clean(text), add_special_tokens=False).ids) + 2


def run_latency(run: Run) -> None:
    """Milliseconds for a review of exactly so many tokens: the median, and what one in twenty exceeds."""
    classifier = OneThread(run.derived_of("export", MODEL).parent, 0)
    rows = []
    for tokens in run.params["tokens"]:
        classifier.max_tokens, text = tokens, "film " * tokens
        took = []
        for _ in range(WARM + run.params["rounds"]):
            started = time.perf_counter()
            classifier.logits([text])
            took.append(1000 * (time.perf_counter() - started))
        p50, p95 = np.percentile(took[WARM:], [50, 95])
        rows.append({"tokens": tokens, "p50": float(p50), "p95": float(p95)})
        run.metric(
            f"p50_{tokens}", float(p50), unit="milliseconds", better="lower", n=run.params["rounds"],
            label={"zh": f"{tokens} 词元一条评论的用时（中位数）", "en": f"time for a review of {tokens} tokens (median)"},
        )  # fmt: skip
    run.table(
        "lengths",
        columns=[
            {"key": "tokens", "label": {"zh": "词元", "en": "tokens"}, "unit": "count"},
            {"key": "p50", "label": {"zh": "中位数", "en": "median"}, "unit": "milliseconds"},
            {"key": "p95", "label": {"zh": "第 95 百分位", "en": "95th percentile"}, "unit": "milliseconds"},
        ],
        rows=rows,
    )


def run_tokens(run: Run) -> None:
    """Accuracy at each length on the same held-out reviews, against what `reference` tokens reach."""
    params = run.params
    test = load_split(run.input("imdb"), limit=params["limit"]).test
    chosen = np.arange(0, len(test.labels), params["every"])
    labels = test.labels[chosen] == 1
    classifier = OneThread(run.derived_of("export", MODEL).parent, 0)
    whole = np.array([classifier.length(test.texts[at]) for at in chosen])
    right: dict[int, np.ndarray] = {}
    said, before = np.zeros(len(chosen), dtype=bool), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a session bears several callers at once
        for number, tokens in enumerate(sorted(params["tokens"])):
            classifier.max_tokens = tokens
            # A review that was read whole at the length before is judged as before.
            longer = np.flatnonzero(whole > before).tolist()
            found = pool.map(lambda place: margin(classifier.logits([test.texts[chosen[place]]])[0]), longer)
            for place, ahead in zip(longer, found, strict=True):
                said[place] = ahead >= 0
                run.progress(number * len(chosen) + place, len(params["tokens"]) * len(chosen), "reading")
            right[tokens], before = said == labels, tokens
    times = {row["tokens"]: row for row in run.result_of("latency").tables["lengths"].rows}
    _record(run, right, times)


def _record(run: Run, right: dict[int, np.ndarray], times: dict[Any, Any]) -> None:
    reference = run.params["reference"]
    rows = []
    for tokens, hits in right.items():
        n, share = len(hits), float(hits.mean())
        low, high = wilson(share, n)
        against = 100 * (hits.astype(float) - right[reference].astype(float))
        gain = float(against.mean())
        interval = bootstrap(against)
        rows.append(
            {
                "tokens": tokens, "accuracy": share, "low": low, "high": high, "gain": gain,
                "gain_low": interval[0], "gain_high": interval[1], "p50": times[tokens]["p50"],
            }
        )  # fmt: skip
        run.metric(
            f"accuracy_{tokens}", share, unit="ratio", better="higher", n=n, ci=(low, high), ci_method="Wilson 95 %",
            label={"zh": f"只读 {tokens} 词元的准确率", "en": f"accuracy at {tokens} tokens"},
        )  # fmt: skip
        if tokens != reference:
            run.metric(
                f"gain_{tokens}", gain, unit="points", better="higher", n=n, ci=interval,
                ci_method="paired bootstrap 95 %",
                label={"zh": f"{tokens} 词元与 {reference} 词元之差", "en": f"{tokens} tokens against {reference}"},
            )  # fmt: skip
    for key, cost in COSTS.items():
        fewest = min(row["tokens"] for row in rows if row["gain"] >= -cost)
        run.metric(
            f"fewest_{key}", fewest, unit="count", better="lower",
            label={"zh": f"与 {reference} 词元相差不到 {cost:g} 个百分点的最短长度", "en": f"fewest tokens within {cost:g} points of {reference}"},
        )  # fmt: skip
        run.metric(
            f"time_{key}", times[fewest]["p50"] / times[reference]["p50"], unit="ratio", better="lower",
            label={"zh": "其用时占比", "en": f"their time as a share of that for {reference}"},
        )  # fmt: skip
    run.table(
        "lengths",
        columns=[
            {"key": "tokens", "label": {"zh": "词元", "en": "tokens"}, "unit": "count"},
            {"key": "accuracy", "label": {"zh": "准确率", "en": "accuracy"}, "unit": "ratio"},
            {"key": "low", "label": {"zh": "区间下限", "en": "interval from"}, "unit": "ratio"},
            {"key": "high", "label": {"zh": "区间上限", "en": "to"}, "unit": "ratio"},
            {"key": "gain", "label": {"zh": f"与 {reference} 词元之差", "en": f"against {reference}"}, "unit": "points"},
            {"key": "gain_low", "label": {"zh": "差的下限", "en": "difference from"}, "unit": "points"},
            {"key": "gain_high", "label": {"zh": "差的上限", "en": "to"}, "unit": "points"},
            {"key": "p50", "label": {"zh": "用时（单线程）", "en": "time (one thread)"}, "unit": "milliseconds"},
        ],
        rows=rows,
    )  # fmt: skip
    run.chart("tradeoff", _chart(rows), words=WORDS)


WORDS = {
    "@ms": {"zh": "一条评论的用时（毫秒，单线程）", "en": "time for one review (ms, one thread)"},
    "@accuracy": {"zh": "准确率（%）", "en": "accuracy (%)"},
    "@tokens": {"zh": "词元", "en": "tokens"},
}


def _chart(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy over time, one point a length, each named by its tokens."""
    values = [
        {
            "ms": round(row["p50"], 2), "y": round(100 * row["accuracy"], 2), "low": round(100 * row["low"], 2),
            "high": round(100 * row["high"], 2), "tokens": str(row["tokens"]),
        }
        for row in rows
    ]  # fmt: skip
    x = {"field": "ms", "type": "quantitative", "title": "@ms", "axis": {"grid": False}}
    y = {"field": "y", "type": "quantitative", "title": "@accuracy", "scale": {"zero": False}}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 260,
        "data": {"values": values},
        "encoding": {"x": x},
        "layer": [
            {"mark": {"type": "line", "color": "#0072B2", "strokeWidth": 2}, "encoding": {"y": y}},
            {
                "mark": {"type": "rule", "color": "#0072B2", "strokeWidth": 2, "opacity": 0.6},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": "#0072B2", "opacity": 1},
                "encoding": {"y": y},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 8, "dy": 12},
                "encoding": {"y": y, "text": {"field": "tokens"}},
            },
        ],
    }
