"""Does a review's score depend on the reviews beside it? The INT8 classifier in batches of different company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.data import load_split
from projects.sentiment.inference import MODEL, TOKENIZER, Classifier

if TYPE_CHECKING:
    from verifolio.record import Run

WAYS = {
    "again": {"zh": "单独，再来一遍", "en": "alone, once more"},
    "copies": {"zh": "与自己的副本同批", "en": "with copies of itself"},
    "like": {"zh": "与长度相近的同批", "en": "with reviews of like length"},
    "any": {"zh": "与随便哪些同批", "en": "with any reviews"},
}
BATCH = 16


def run_neighbours(run: Run) -> None:
    """Judge the same reviews alone and in company, and compare the logits."""
    split = load_split(run.input("imdb"), limit=run.params["limit"])
    draw = np.random.default_rng(run.seed)
    rows = np.sort(draw.choice(len(split.test.texts), run.params["reviews"], replace=False))
    texts = [split.test.texts[row] for row in rows]
    for name in (TOKENIZER, MODEL):
        folder = run.derived_of("sentiment.export", name).parent
    classifier = Classifier(folder)
    alone = np.array([classifier.logits([text])[0] for text in texts])
    run.progress(1, 5, "alone")
    by_length = sorted(range(len(texts)), key=lambda one: len(texts[one]))
    shuffled = draw.permutation(len(texts)).tolist()
    copied = list(range(0, len(texts), max(1, len(texts) // run.params["copied"])))[: run.params["copied"]]
    found = {
        "again": (alone, np.array([classifier.logits([text])[0] for text in texts])),
        "copies": (alone[copied], np.array([classifier.logits([texts[one]] * BATCH)[0] for one in copied])),
        "like": (alone, _in_batches(classifier, texts, by_length)),
        "any": (alone, _in_batches(classifier, texts, shuffled)),
    }
    rows_shown = []
    for way, (first, second) in found.items():
        apart = np.abs((second[:, 1] - second[:, 0]) - (first[:, 1] - first[:, 0]))
        flipped = int(((second[:, 1] > second[:, 0]) != (first[:, 1] > first[:, 0])).sum())
        shown: dict[str, Any] = {"way": WAYS[way], "reviews": len(first), "flipped": flipped}
        rows_shown.append({**shown, "median": float(np.median(apart)), "largest": float(apart.max())})
        run.metric(
            f"{way}_largest", float(apart.max()), unit="score", better="lower", n=len(first),
            label={"zh": f"{WAYS[way]['zh']}：得分最多差", "en": f"{WAYS[way]['en']}: largest change of the score"},
        )  # fmt: skip
        run.metric(
            f"{way}_flipped", flipped, unit="count", better="lower", n=len(first),
            label={"zh": f"{WAYS[way]['zh']}：翻转的判断", "en": f"{WAYS[way]['en']}: verdicts that flip"},
        )  # fmt: skip
    run.table(
        "ways",
        columns=[
            {"key": "way", "label": {"zh": "怎么判", "en": "How judged"}},
            {"key": "reviews", "label": {"zh": "评论", "en": "Reviews"}, "unit": "count"},
            {"key": "median", "label": {"zh": "得分差，中位", "en": "Change, median"}, "unit": "score"},
            {"key": "largest", "label": {"zh": "得分差，最大", "en": "Change, largest"}, "unit": "score"},
            {"key": "flipped", "label": {"zh": "翻转", "en": "Flipped"}, "unit": "count"},
        ],
        rows=rows_shown,
    )


def _in_batches(classifier: Classifier, texts: list[str], order: list[int]) -> np.ndarray:
    """Logits (n, 2) in the order of `texts`, judged sixteen at a time in the order given."""
    found = np.zeros((len(texts), 2))
    for first in range(0, len(order), BATCH):
        chosen = order[first : first + BATCH]
        found[chosen] = classifier.logits([texts[one] for one in chosen])
    return found
