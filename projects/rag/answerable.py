"""Whether the documents say: logistic in how well the pieces found hold what is asked, and in what kind of thing is asked.

Fitted on the development questions (`fit`). A question near the ones that no shop's documents answer (its owner, its
staff, other brands) is told by its own vector, one on an article's missing feature by what of it no passage explains
and by its vector once the article's name is masked: who asks for a cord's length asks for the same of every article.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from projects.rag.evidence import Piece, Weights, asks_for_value
from projects.rag.synonyms import expand
from projects.rag.wording import language_of, words

REFUSE_FROM = 0.4
"""Probability that the documents do not say from which it is refused: about half of the F1 that was reached on
development questions, where F1 is greatest (Lipton et al. 2014, Optimal thresholding of classifiers to maximize F1 measure)."""
SIGNALS = (
    "e5", "use", "best_e5", "best_use", "own", "covered", "most", "gap", "wants", "absent", "unexplained", "rest",
    "edge", "line", "share", "length", "row", "faq", "en", "tuned", "topic", "masked",
)  # fmt: skip


def signals(
    question: str,
    pieces: Sequence[Piece],
    weights: Weights,
    *,
    edge: float,
    line: float,
    share: float,
    topics: Sequence[float],
    tuned: float,
) -> np.ndarray:
    """Values of `SIGNALS` for the pieces of a question, the best first.

    `edge` is how far the nearest passage is ahead of the next ones, `line` and `share` the best closeness of a line and
    the greatest share of the question's words among the passages, `topics` what the two machines say of the question
    as it is and with its articles' names masked, `tuned` what the tuned encoder says of it (log-odds).
    """
    asked, said = set(words(expand(question))), set(words(question))
    bag = {
        word
        for one in pieces
        for word in words(f"{one.passage.title} {one.passage.heading} {one.passage.text}")
    }
    known = [word for word in said if weights.knows(word)]
    if pieces:
        best = pieces[0]
        _, best_e5, best_use, own, around, _, _, row, faq, _ = best.signs
        others = [one.score for one in pieces if one.passage.id != best.passage.id]
        gap = best.score - max(others, default=best.score)
        e5, use = (max(one.signs[at] for one in pieces) for at in (1, 2))
        most = max(one.signs[3] + one.signs[4] for one in pieces)
    else:
        best_e5 = best_use = own = around = row = faq = gap = e5 = use = most = 0.0
    return np.array([
        e5, use, best_e5, best_use, own, own + around, most, gap, float(asks_for_value(question)),
        1 - weights.total(known) / (weights.total(said) or 1.0),
        max(map(weights.of, asked - bag), default=0.0), weights.total(asked - bag) / (weights.total(asked) or 1.0),
        edge, line, share, math.log1p(len(said)), row, faq, float(language_of(question) == "en"), tuned, *topics,
    ])  # fmt: skip


def silent(found: np.ndarray, fitted: Mapping[str, Any]) -> float:
    """Probability that the documents do not say, from the signals and the fitted weights."""
    logit = fitted["bias"] + sum(fitted[name] * value for name, value in zip(SIGNALS, found, strict=True))
    return float(1 / (1 + np.exp(-logit)))
