"""A submission in the competition's format, made on our own held-out reviews, and its area under the curve.

The competition's test set is not here; our held-out reviews come from the same source (IMDB's training half).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.data import load_split
from projects.sentiment.inference import MODEL, TOKENIZER, Classifier
from projects.sentiment.report import read_probabilities
from projects.showcase.kaggle import check_submission, read_reviews, write_reviews, write_submission
from projects.showcase.predict import judge

if TYPE_CHECKING:
    from verifolio.record import Run

WAYS = {
    "probabilities": {"zh": "分类器，交概率", "en": "classifier, probabilities"},
    "labels": {"zh": "分类器，只交 0 和 1", "en": "classifier, 0 and 1 only"},
    "tfidf": {"zh": "TF-IDF，交概率", "en": "TF-IDF, probabilities"},
}


def run_submission(run: Run) -> None:
    """Write the reviews as the competition does, read them back, judge them, check the file, score it."""
    split = load_split(run.input("imdb"), limit=run.params["limit"])
    ids = [f"row_{row}" for row in split.test.rows]
    reviews = run.work / "testData.tsv"
    reviews.write_text(write_reviews(zip(ids, split.test.texts, strict=True)), encoding="utf-8")
    rows = read_reviews(reviews)
    for name in (TOKENIZER, MODEL):
        model = run.derived_of("sentiment.export", name).parent
    positive = judge(
        Classifier(model), [text for _, text in rows], lambda done, all_: run.progress(done, all_, "judging")
    )
    text = write_submission(zip(ids, positive, strict=True))
    check_submission(text, ids)
    _write_products(run, ids, positive, text)
    _record(run, split.test.labels, np.asarray(positive), len(text.encode()))


def derive_submission(run: Run) -> None:
    """submission.csv again, from the committed predictions."""
    kept = json.loads(_committed(run).read_text(encoding="utf-8"))
    text = write_submission(zip(kept["ids"], kept["positive"], strict=True))
    check_submission(text, kept["ids"])
    run.derived("submission.csv").write_text(text, encoding="utf-8")


def auc_interval(
    labels: np.ndarray, scores: np.ndarray, *, rounds: int, seed: int
) -> tuple[float, float, float]:
    """Area under the ROC curve and its 95 % percentile interval over resampled reviews."""
    from sklearn.metrics import roc_auc_score

    draw = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        chosen = draw.integers(0, len(labels), len(labels))
        if 0 < labels[chosen].sum() < len(labels):  # few reviews: a draw may hold one class only
            found.append(roc_auc_score(labels[chosen], scores[chosen]))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(roc_auc_score(labels, scores)), float(low), float(high)


def _committed(run: Run) -> Path:
    return run.root / "projects" / "showcase" / "results" / "submission" / "predictions.json"


def _write_products(run: Run, ids: list[str], positive: list[float], text: str) -> None:
    kept = {"ids": ids, "positive": [round(one, 4) for one in positive]}
    run.product("submission/predictions.json").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    sample = "".join(text.splitlines(keepends=True)[: run.params["sample"] + 1])
    run.product("submission/sample.csv").write_text(sample, encoding="utf-8")
    run.derived("submission.csv").write_text(text, encoding="utf-8")


def _record(run: Run, labels: np.ndarray, positive: np.ndarray, size: int) -> None:
    tfidf = read_probabilities(run.product_of("sentiment.tfidf", "tfidf/test.json"))
    scores = {"probabilities": positive, "labels": (positive >= 0.5).astype(float), "tfidf": tfidf}
    rows: list[dict[str, Any]] = []
    for way, one in scores.items():
        auc, low, high = auc_interval(labels, one, rounds=run.params["rounds"], seed=run.seed)
        run.metric(
            f"auc_{way}", auc, unit="score", better="higher", n=len(labels), ci=(low, high),
            ci_method=f"bootstrap 95 %, {run.params['rounds']} rounds",
            label={lang: f"AUC: {words}" for lang, words in WAYS[way].items()},
        )  # fmt: skip
        rows.append({"way": WAYS[way], "auc": auc, "low": low, "high": high})
    right = float(((positive >= 0.5) == (labels == 1)).mean())
    run.metric(
        "accuracy",
        right,
        unit="ratio",
        better="higher",
        n=len(labels),
        label={"zh": "准确率", "en": "accuracy"},
    )
    run.metric(
        "rows", len(labels), unit="count", label={"zh": "提交文件的行数", "en": "rows of the submission"}
    )
    run.metric("bytes", size, unit="bytes", label={"zh": "提交文件大小", "en": "size of the submission"})
    run.table(
        "ways",
        columns=[
            {"key": "way", "label": {"zh": "交什么", "en": "What is submitted"}},
            {"key": "auc", "label": {"zh": "AUC", "en": "AUC"}, "unit": "score"},
            {"key": "low", "label": {"zh": "区间下限", "en": "lower end"}, "unit": "score"},
            {"key": "high", "label": {"zh": "区间上限", "en": "upper end"}, "unit": "score"},
        ],
        rows=rows,
    )
    dots = [
        {
            "name": f"@{way}",
            "value": row["auc"],
            "low": row["low"],
            "high": row["high"],
            "shown": f"{row['auc']:.3f}",
        }
        for way, row in zip(scores, rows, strict=True)
    ]
    words = {f"@{way}": WAYS[way] for way in scores} | {
        "@value": {"zh": "ROC 曲线下面积（AUC）", "en": "area under the ROC curve (AUC)"}
    }
    run.chart("auc", dots_with_intervals(dots, order=[f"@{way}" for way in scores]), words=words)
