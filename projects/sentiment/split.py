"""Describes the split and checks it: sizes, lengths, and whether anything leaks across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment.baseline import fit_tfidf
from projects.sentiment.data import load_reviews, sample, shared_shingles, split_reviews
from projects.sentiment.metrics import Z95, accuracy, wilson

if TYPE_CHECKING:
    from verifolio.record import Run


def run_split(run: Run) -> None:
    """Counts, near-duplicates across the split, and what a random split would have pretended."""
    limit, near = run.params["limit"], run.params["near_share"]
    reviews = load_reviews(run.input("imdb"))
    split = split_reviews(reviews)
    counts = {
        "all_reviews": (len(reviews), "全部评论", "all reviews"),
        "train": (len(split.train), "训练集", "training reviews"),
        "test": (len(split.test), "测试集", "held-out reviews"),
        "guard": (split.dropped["guard"], "隔离带中舍弃的评论", "dropped as guard between blocks"),
        "duplicates": (
            split.dropped["duplicate_train"] + split.dropped["duplicate_test"],
            "舍弃的重复评论",
            "duplicates dropped",
        ),
    }
    for key, (count, zh, en) in counts.items():
        run.metric(key, count, unit="count", label={"zh": zh, "en": en})
    run.metric(
        "test_positive", float(split.test.labels.mean()), unit="ratio",
        label={"zh": "测试集中好评的比例", "en": "share of positive held-out reviews"},
    )  # fmt: skip
    words = np.array([len(text.split()) for text in reviews.texts])
    run.metric(
        "median_words", float(np.median(words)), unit="count",
        label={"zh": "评论长度中位数（词）", "en": "median length in words"},
    )  # fmt: skip
    train, test = split.train, split.test
    if limit:
        train, test = sample(train, limit, seed=0), sample(test, limit // 4, seed=0)
    overlap = shared_shingles(train, test)
    run.metric(
        "near_duplicates", int((overlap >= near).sum()), unit="count", better="lower", n=len(test),
        label={"zh": "与训练集几乎相同的测试评论", "en": "held-out reviews nearly equal to a training review"},
    )  # fmt: skip
    run.metric(
        "largest_overlap", float(overlap.max()), unit="ratio", better="lower", n=len(test),
        label={"zh": "最大重合比例（8 词片段）", "en": "largest overlap (runs of 8 words)"},
    )  # fmt: skip
    _compare_with_random(run, reviews, train, test)


def _compare_with_random(run: Run, reviews, train, test) -> None:
    """The same TF-IDF model on our split and on a random one of the same sizes."""
    order = np.random.default_rng(run.seed).permutation(len(reviews))
    random_test = reviews.take(order[: len(test)])
    random_train = reviews.take(order[len(test) : len(test) + len(train)])
    scores = {}
    for key, zh, en, (fitted, held) in (
        ("tfidf_random", "TF-IDF，随机划分", "TF-IDF on a random split", (random_train, random_test)),
        ("tfidf_blocks", "TF-IDF，按块划分", "TF-IDF on our split by blocks", (train, test)),
    ):
        model = fit_tfidf(fitted, strength=run.params["strength"], min_df=2, seed=run.seed)
        scores[key] = accuracy(held.labels, model.predict_proba(held.texts)[:, 1])
        run.metric(
            key, scores[key], unit="ratio", better="none", n=len(held),
            ci=wilson(scores[key], len(held)), ci_method="Wilson 95 %", label={"zh": zh, "en": en},
        )  # fmt: skip
    difference = scores["tfidf_random"] - scores["tfidf_blocks"]
    error = np.sqrt(sum(share * (1 - share) for share in scores.values()) / len(test))
    run.metric(
        "leak_points", 100 * difference, unit="points", n=len(test),
        ci=(100 * (difference - Z95 * error), 100 * (difference + Z95 * error)),
        ci_method="difference of two shares, 95 %",
        label={"zh": "随机划分比按块划分高出", "en": "what a random split scores more than one by blocks"},
    )  # fmt: skip
