"""The published classifier reading long reviews whole: in windows, instead of without their middle.

No training: the same adapter, applied to each window; a review's logits are the mean over its windows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment.adapters import load_adapter
from projects.sentiment.data import load_split
from projects.sentiment.encoder import compute_in_bf16, encode_reviews, predict
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.report import read_probabilities
from projects.sentiment.training import keep_memory

if TYPE_CHECKING:
    from verifolio.record import Run

WHOLE = 1_000_000  # tokens: more than any review has
PARTS = {
    "all": {"zh": "全部评论", "en": "all reviews"},
    "cut": {"zh": "超出一个窗口的评论", "en": "reviews longer than one window"},
    "fits": {"zh": "一个窗口装得下的评论", "en": "reviews that fit into one window"},
}


def windows_of(ids: list[int], max_tokens: int) -> list[list[int]]:
    """[CLS] … [SEP] of any length → as few windows as hold it, evenly spread, each framed the same.

    The first begins with the review, the last ends with it; neighbours overlap by what is left over.
    """
    first, inner, last = ids[0], ids[1:-1], ids[-1]
    room = max_tokens - 2
    if len(inner) <= room:
        return [ids]
    count = -(-len(inner) // room)
    starts = np.linspace(0, len(inner) - room, count).round().astype(int)
    return [[first, *inner[start : start + room], last] for start in starts]


def read_log_odds(path: Path) -> np.ndarray:
    """(n_test,) log of the odds that a review is positive, as `run_windows` wrote them."""
    return np.asarray(json.loads(path.read_text()), dtype=np.float64)


def run_windows(run: Run) -> None:
    """Accuracy with the middle cut out and with windows, on the reviews that this concerns and on all."""
    params = run.params
    split = load_split(run.input("imdb"), limit=params["limit"])
    labels = split.test.labels == 1
    whole = encode_reviews(run.input("minilm"), split.test.texts, WHOLE)
    windows = [windows_of(ids, params["max_tokens"]) for ids in whole]
    counts = np.array([len(one) for one in windows])
    model = load_adapter(run.input("minilm"), run.product_of("lora", "lora/adapter_config.json").parent)
    keep_memory()
    logits = predict(
        compute_in_bf16(model),
        [window for one in windows for window in one],
        tell=lambda done, total: run.progress(done, total, "reading windows"),
    )
    starts = np.cumsum([0, *counts[:-1]])
    mean = np.add.reduceat(logits, starts, axis=0) / counts[:, None]  # (n, 2)
    log_odds = np.round(mean[:, 1] - mean[:, 0], 5)
    right = {
        "head_tail": (read_probabilities(run.product_of("lora", "lora/test.json")) >= 0.5) == labels,
        "windows": (log_odds >= 0) == labels,
        "tfidf": (read_probabilities(run.product_of("tfidf", "tfidf/test.json")) >= 0.5) == labels,
    }
    _record(run, right, counts)
    run.product("windows/test.json").write_text(json.dumps(log_odds.tolist()) + "\n", encoding="utf-8")


def _record(run: Run, right: dict[str, np.ndarray], counts: np.ndarray) -> None:
    inside = {"all": counts > 0, "cut": counts > 1, "fits": counts == 1}
    rows = []
    for part, name in PARTS.items():
        n = int(inside[part].sum())
        if not n:  # few reviews and narrow windows: none fits
            continue
        shares = {way: float(one[inside[part]].mean()) for way, one in right.items()}
        low, high = wilson(shares["windows"], n)
        rows.append({"part": name, "reviews": n, **shares, "low": low, "high": high})
        run.metric(
            f"{part}_accuracy", shares["windows"], unit="ratio", better="higher", n=n, ci=(low, high),
            ci_method="Wilson 95 %",
            label={"zh": f"分窗口读的准确率：{name['zh']}", "en": f"accuracy by windows: {name['en']}"},
        )  # fmt: skip
        gain = 100 * (right["windows"][inside[part]].astype(float) - right["head_tail"][inside[part]])
        run.metric(
            f"{part}_gain", float(gain.mean()), unit="points", better="higher", n=n, ci=bootstrap(gain),
            ci_method="paired bootstrap 95 %",
            label={
                "zh": f"比截去中间多：{name['zh']}",
                "en": f"more than with the middle cut out: {name['en']}",
            },
        )  # fmt: skip
    run.metric(
        "passes", float(counts.mean()), unit="score", better="lower", n=len(counts),
        label={"zh": "每条评论的前向次数", "en": "forward passes a review"},
    )  # fmt: skip
    ratio = {"unit": "ratio"}
    run.table(
        "parts",
        columns=[
            {"key": "part", "label": {"zh": "哪些评论", "en": "which reviews"}},
            {"key": "reviews", "label": {"zh": "数量", "en": "reviews"}, "unit": "count"},
            {"key": "windows", "label": {"zh": "LoRA，分窗口", "en": "LoRA, windows"}, **ratio},
            {"key": "low", "label": {"zh": "区间下限", "en": "interval from"}, **ratio},
            {"key": "high", "label": {"zh": "区间上限", "en": "to"}, **ratio},
            {"key": "head_tail", "label": {"zh": "LoRA，截去中间", "en": "LoRA, middle cut out"}, **ratio},
            {"key": "tfidf", "label": {"zh": "TF-IDF", "en": "TF-IDF"}, **ratio},
        ],
        rows=rows,
    )
