"""The honest baseline: TF-IDF of words and word pairs, logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import report
from projects.sentiment.data import Reviews, load_split

if TYPE_CHECKING:
    from verifolio.record import Run


def fit_tfidf(train: Reviews, *, strength: float, min_df: int, seed: int = 0) -> Any:
    """A fitted scikit-learn pipeline: sublinear TF-IDF of 1- and 2-grams, L2 logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=min_df, dtype=np.float32)
    model = make_pipeline(words, LogisticRegression(C=strength, max_iter=300, random_state=seed))
    return model.fit(train.texts, train.labels)


def run_tfidf(run: Run) -> None:
    """Fit on the training reviews, measure on the held-out ones."""
    split = load_split(run.input("imdb"), limit=run.params["limit"])
    watch = report.Stopwatch()
    model = fit_tfidf(
        split.train, strength=run.params["strength"], min_df=run.params["min_df"], seed=run.seed
    )
    seconds = watch.seconds()
    positive = model.predict_proba(split.test.texts)[:, 1]
    report.record_scores(run, split.test.labels, positive)
    weights = model[-1].coef_[0]
    report.record_costs(
        run,
        trainable=weights.size + 1,
        seconds=seconds,
        train_reviews=len(split.train),
        reviews_seen=len(split.train),
    )
    names = model[0].get_feature_names_out()
    order = np.argsort(weights)
    run.table(
        "words",
        columns=[
            {"key": "rank", "label": {"zh": "名次", "en": "rank"}},
            {"key": "negative", "label": {"zh": "最像差评的词", "en": "most negative"}},
            {"key": "positive", "label": {"zh": "最像好评的词", "en": "most positive"}},
        ],
        rows=[
            {"rank": str(i + 1), "negative": str(names[order[i]]), "positive": str(names[order[-1 - i]])}
            for i in range(10)
        ],
    )
    report.write_probabilities(run.product("tfidf/test.json"), positive)
