"""What the area under the curve rewards: its curve, how many different scores it needs, two models averaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.data import load_split
from projects.sentiment.plots import named_lines
from projects.sentiment.report import read_probabilities

if TYPE_CHECKING:
    from verifolio.record import Run

LEVELS = [2, 3, 5, 11, 21, 101]
POINTS = 60


def run_scores(run: Run) -> None:
    """Read the submission's probabilities and TF-IDF's, and look at them from three sides."""
    labels = load_split(run.input("imdb"), limit=run.params["limit"]).test.labels
    kept = run.product_of("submission", "submission/predictions.json").read_text(encoding="utf-8")
    model = np.asarray(json.loads(kept)["positive"])
    tfidf = read_probabilities(run.product_of("sentiment.tfidf", "tfidf/test.json"))
    both = (log_odds(model) + log_odds(tfidf)) / 2
    _record_curves(run, labels, {"model": model, "tfidf": tfidf, "labels": (model >= 0.5).astype(float)})
    _record_levels(run, labels, model)
    rounds = run.params["rounds"]
    for key, first, second, zh, en in (
        ("gain_tfidf", model, tfidf, "AUC：分类器减 TF-IDF", "AUC: classifier minus TF-IDF"),
        ("gain_both", both, model, "AUC：两者平均减分类器", "AUC: both averaged minus classifier"),
    ):
        gain, low, high = auc_difference(labels, first, second, rounds=rounds, seed=run.seed)
        run.metric(
            key, gain, unit="score", better="higher", n=len(labels), ci=(low, high),
            ci_method=f"paired bootstrap 95 %, {rounds} rounds", label={"zh": zh, "en": en},
        )  # fmt: skip
    run.metric(
        "both", auc(labels, both), unit="score", better="higher", n=len(labels),
        label={"zh": "AUC：两者的对数几率取平均", "en": "AUC: the log-odds of both averaged"},
    )  # fmt: skip


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a favourable review scores higher than an unfavourable one; ties count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def auc_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, *, rounds: int, seed: int
) -> tuple[float, float, float]:
    """AUC of `first` minus that of `second`, with a 95 % percentile interval over reviews drawn for both alike."""
    draw, found = np.random.default_rng(seed), []
    for _ in range(rounds):
        chosen = draw.integers(0, len(labels), len(labels))
        if 0 < labels[chosen].sum() < len(labels):
            found.append(auc(labels[chosen], first[chosen]) - auc(labels[chosen], second[chosen]))
    low, high = np.percentile(found, [2.5, 97.5])
    return auc(labels, first) - auc(labels, second), float(low), float(high)


def log_odds(positive: np.ndarray) -> np.ndarray:
    """log(p / (1 − p)), kept finite."""
    safe = np.clip(positive, 1e-4, 1 - 1e-4)
    return np.log(safe / (1 - safe))


def _record_curves(run: Run, labels: np.ndarray, scores: dict[str, np.ndarray]) -> None:
    """The ROC curves, thinned to points that a phone can draw."""
    from sklearn.metrics import roc_curve

    rows: list[dict[str, Any]] = []
    for name, one in scores.items():
        false, true, _ = roc_curve(labels, one)
        at = np.unique(np.linspace(0, len(false) - 1, POINTS).astype(int))
        rows += [
            {"name": f"@{name}", "x": round(100 * float(false[i]), 2), "y": round(100 * float(true[i]), 2)}
            for i in at
        ]
    spec = named_lines(rows)
    for layer in spec["layer"]:
        layer["mark"] = {"type": "line", "strokeWidth": 2}
        layer["encoding"].pop("shape", None)
        layer["encoding"]["order"] = {"field": "x"}
    words = {
        "@model": {"zh": "分类器，概率", "en": "classifier, probabilities"},
        "@tfidf": {"zh": "TF-IDF，概率", "en": "TF-IDF, probabilities"},
        "@labels": {"zh": "分类器，0 和 1", "en": "classifier, 0 and 1"},
        "@x": {"zh": "差评里被当成好评的（%）", "en": "unfavourable taken for favourable (%)"},
        "@y": {"zh": "好评里被认出的（%）", "en": "favourable recognised (%)"},
    }
    run.chart("roc", spec, words=words)


def _record_levels(run: Run, labels: np.ndarray, positive: np.ndarray) -> None:
    """The same probabilities rounded to ever finer steps."""
    rows = []
    for levels in LEVELS:
        found = auc(labels, np.round(positive * (levels - 1)) / (levels - 1))
        rows.append({"levels": str(levels), "auc": found, "lost": auc(labels, positive) - found})
        run.metric(
            f"levels_{levels}", found, unit="score", better="higher", n=len(labels),
            label={"zh": f"AUC：只分 {levels} 档", "en": f"AUC: {levels} levels only"},
        )  # fmt: skip
    run.table(
        "levels",
        columns=[
            {"key": "levels", "label": {"zh": "档数", "en": "Levels"}},
            {"key": "auc", "label": {"zh": "AUC", "en": "AUC"}, "unit": "score"},
            {"key": "lost", "label": {"zh": "失去", "en": "Lost"}, "unit": "score"},
        ],
        rows=rows,
    )
