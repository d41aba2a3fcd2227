"""Two readers averaged: the classifier beside a linear model that sees the whole review.

The linear model is logistic regression on word runs weighted by naive Bayes (Wang & Manning 2012, section
2.3); the encoder reads long reviews in windows. Their log-odds are averaged, with no weight to tune.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.data import Reviews, carve_validation, load_split
from projects.sentiment.metrics import accuracy, bootstrap, wilson
from projects.sentiment.plots import named_dots
from projects.sentiment.report import read_probabilities, write_probabilities
from projects.sentiment.windows import read_log_odds

if TYPE_CHECKING:
    from verifolio.record import Run

WAYS = {
    "tfidf": {"zh": "TF-IDF + 逻辑回归", "en": "TF-IDF + logistic regression"},
    "linear": {"zh": "词串 + 朴素贝叶斯权重", "en": "Word runs, naive Bayes weights"},
    "lora": {"zh": "LoRA，截去中间", "en": "LoRA, middle cut out"},
    "windows": {"zh": "LoRA，分窗口读", "en": "LoRA, in windows"},
    "pair": {"zh": "词串与分窗口 LoRA 平均", "en": "Word runs and LoRA in windows, averaged"},
}


@dataclass(frozen=True)
class WordRuns:
    """Binary runs of one to `longest` words, weighted by naive Bayes, under logistic regression."""

    words: Any
    weights: np.ndarray
    model: Any

    def log_odds(self, texts: list[str]) -> np.ndarray:
        """(n,) log of the odds that a text is positive."""
        return self.model.decision_function(self.words.transform(texts).multiply(self.weights).tocsr())


def fit_word_runs(train: Reviews, *, longest: int, strength: float) -> WordRuns:
    """Weight each run by the log of how much likelier it is in praise than in blame, then fit."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    words = CountVectorizer(
        ngram_range=(1, longest), binary=True, min_df=2, token_pattern=r"[A-Za-z0-9']+|[!?]", dtype=np.float32
    )
    seen = words.fit_transform(train.texts)
    praise = np.asarray(seen[train.labels == 1].sum(axis=0)).ravel() + 1
    blame = np.asarray(seen[train.labels == 0].sum(axis=0)).ravel() + 1
    weights = np.log(praise / praise.sum()) - np.log(blame / blame.sum())
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, random_state=0)
    return WordRuns(words, weights, model.fit(seen.multiply(weights).tocsr(), train.labels))


def run_pair(run: Run) -> None:
    """Choose the linear model's strength on validation blocks, then judge both alone and averaged."""
    params = run.params
    split = load_split(run.input("imdb"), limit=params["limit"])
    strength = _choose_strength(run, carve_validation(split.train))
    linear = fit_word_runs(split.train, longest=params["longest"], strength=strength)
    odds = {
        "linear": linear.log_odds(split.test.texts),
        "windows": read_log_odds(run.product_of("windows", "windows/test.json")),
    }
    odds["pair"] = (odds["linear"] + odds["windows"]) / 2
    positive = {way: 1 / (1 + np.exp(-value)) for way, value in odds.items()}
    for way in ("tfidf", "lora"):
        positive[way] = read_probabilities(run.product_of(way, f"{way}/test.json"))
    _record(run, split.test.labels, positive)
    write_probabilities(run.product("pair/linear.json"), positive["linear"])


def _choose_strength(run: Run, blocks: Any) -> float:
    if not len(blocks.test):  # a smoke run has no block to spare
        return float(run.params["strengths"][0])
    found = {}
    for number, strength in enumerate(run.params["strengths"]):
        run.progress(number, len(run.params["strengths"]), "choosing on validation blocks")
        model = fit_word_runs(blocks.train, longest=run.params["longest"], strength=strength)
        found[strength] = accuracy(blocks.test.labels, 1 / (1 + np.exp(-model.log_odds(blocks.test.texts))))
    best = max(found, key=lambda strength: found[strength])
    run.metric(
        "strength", best, unit="score", n=len(blocks.test),
        label={"zh": "在验证块上选出的 C", "en": "C chosen on validation blocks"},
    )  # fmt: skip
    return best


def _record(run: Run, labels: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    right = {way: (positive[way] >= 0.5) == (labels == 1) for way in WAYS}
    rows, dots = [], []
    for way, label in WAYS.items():
        share = float(right[way].mean())
        low, high = wilson(share, len(labels))
        errors = int((~right[way]).sum())
        rows.append({"way": label, "accuracy": share, "low": low, "high": high, "errors": errors})
        dots.append(
            {
                "name": f"@{way}",
                "value": round(100 * share, 2),
                "low": round(100 * low, 2),
                "high": round(100 * high, 2),
                "shown": f"{100 * share:.1f} %",
            }
        )
        if way in ("tfidf", "lora"):  # theirs stand in their own receipts
            continue
        run.metric(
            f"{way}_accuracy", share, unit="ratio", better="higher", n=len(labels), ci=(low, high),
            ci_method="Wilson 95 %",
            label={"zh": f"{label['zh']}：准确率", "en": f"{label['en']}: accuracy"},
        )  # fmt: skip
    for way in ("linear", "windows", "lora"):
        gain = 100 * (right["pair"].astype(float) - right[way])
        run.metric(
            f"gain_over_{way}", float(gain.mean()), unit="points", better="higher", n=len(labels),
            ci=bootstrap(gain), ci_method="paired bootstrap 95 %",
            label={
                "zh": f"平均之后比它单独多：{WAYS[way]['zh']}",
                "en": f"averaged, more than alone: {WAYS[way]['en']}",
            },
        )  # fmt: skip
    for way, other in (("linear", "windows"), ("windows", "linear")):
        run.metric(
            f"only_{way}", int((right[way] & ~right[other]).sum()), unit="count", n=len(labels),
            label={"zh": f"只有它判对的评论：{WAYS[way]['zh']}", "en": f"only it is right: {WAYS[way]['en']}"},
        )  # fmt: skip
    _report(run, rows, dots)


def _report(run: Run, rows: list[dict[str, Any]], dots: list[dict[str, Any]]) -> None:
    ratio = {"unit": "ratio"}
    run.table(
        "ways",
        columns=[
            {"key": "way", "label": {"zh": "方法", "en": "Method"}},
            {"key": "accuracy", "label": {"zh": "准确率", "en": "accuracy"}, **ratio},
            {"key": "low", "label": {"zh": "区间下限", "en": "interval from"}, **ratio},
            {"key": "high", "label": {"zh": "区间上限", "en": "to"}, **ratio},
            {"key": "errors", "label": {"zh": "判错", "en": "errors"}, "unit": "count"},
        ],
        rows=rows,
    )
    words = {f"@{way}": label for way, label in WAYS.items()}
    words["@value"] = {
        "zh": "测试集准确率（%），横线为 95 % 区间",
        "en": "accuracy on held-out reviews (%), bars: 95 % interval",
    }
    run.chart("accuracy", named_dots(dots, order=[row["name"] for row in dots]), words=words)
