"""What the demo shows before anything runs: real verdicts of the published INT8 weights on real reviews.

Reviews are chosen from the test set by rule, not by taste: the surest right verdict of each class, the
least sure one, the surest mistake. Two sentences written by hand show what the model is bad at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from projects.sentiment.inference import Classifier
    from verifolio.record import Run

WORDS = {"negative": {"zh": "负面", "en": "negative"}, "positive": {"zh": "正面", "en": "positive"}}
KINDS = {
    "sure_positive": {"zh": "测试集短评里把握最大的正面判断，判对了", "en": "the surest positive verdict on the test set's short reviews, and right"},
    "sure_negative": {"zh": "测试集短评里把握最大的负面判断，判对了", "en": "the surest negative verdict on the test set's short reviews, and right"},
    "least_sure": {"zh": "测试集短评里把握最小的一条", "en": "the least sure verdict on the test set's short reviews"},
    "surest_mistake": {"zh": "测试集短评里把握最大的错误：作者给的是相反的评价", "en": "the surest mistake on the test set's short reviews: its author meant the opposite"},
    "irony": {"zh": "手写的反讽", "en": "irony, written by hand"},
    "negation": {"zh": "手写的双重否定", "en": "double negation, written by hand"},
}  # fmt: skip
HAND_WRITTEN = {
    "irony": "Oh great, another two hours of people explaining the plot to each other. Just what I needed.",
    "negation": "I can't say I didn't enjoy it, and nobody in the theatre was less than delighted.",
}


def run_examples(run: Run) -> None:
    """Classify short test reviews, choose by rule, and record verdicts with the effect of each word."""
    from projects.sentiment.data import load_split
    from projects.sentiment.inference import MODEL, load_classifier

    classifier = load_classifier(run.derived_of("export", MODEL).parent)
    test = load_split(run.input("imdb"), limit=run.params["limit"]).test
    short = [i for i, text in enumerate(test.texts) if len(text.split()) <= run.params["max_words"]]
    margins = classify_all(classifier, [test.texts[i] for i in short], run)
    chosen = choose(margins, test.labels[short])
    rows = [record(classifier, test.texts[short[at]], kind) for kind, at in chosen.items()]
    rows += [record(classifier, text, kind) for kind, text in HAND_WRITTEN.items()]
    run.table(
        "recorded",
        columns=[
            {"key": "kind", "label": {"zh": "例子", "en": "example"}},
            {"key": "text", "label": {"zh": "文本", "en": "text"}},
            {"key": "label", "label": {"zh": "判断", "en": "verdict"}},
            {"key": "probability", "label": {"zh": "置信度", "en": "confidence"}, "unit": "ratio"},
            {
                "key": "effects",
                "label": {"zh": "各词对判断的支持", "en": "how far each word supports the verdict"},
            },
        ],
        rows=rows,
    )
    run.metric(
        "candidates",
        len(short),
        unit="count",
        label={"zh": "候选短评数", "en": "short reviews to choose from"},
    )


def classify_all(classifier: Classifier, texts: list[str], run: Run) -> np.ndarray:
    """Positive minus negative logit of each text [n]."""
    margins: list[float] = []
    for start in range(0, len(texts), 16):
        margins += [
            positive - negative for negative, positive in classifier.logits(texts[start : start + 16])
        ]
        run.progress(start, len(texts), "classifying")
    return np.asarray(margins)


def choose(margins: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    """Kind → index; margins [n] in logits, labels [n]."""
    right = (margins > 0) == (labels == 1)
    return {
        "sure_positive": int(np.argmax(np.where(right, margins, -np.inf))),
        "sure_negative": int(np.argmin(np.where(right, margins, np.inf))),
        "least_sure": int(np.argmin(np.abs(margins))),
        "surest_mistake": int(np.argmax(np.where(right, -np.inf, np.abs(margins)))),
    }


def record(classifier: Classifier, text: str, kind: str) -> dict[str, Any]:
    """One row of the recorded outputs; effects are signed so that a supporting word is positive."""
    verdict = classifier.classify(text)
    sign = 1 if verdict.label == "positive" else -1
    effects = [[one.word, round(sign * one.effect, 2)] for one in classifier.word_effects(text)]
    return {
        "kind": KINDS[kind],
        "text": text,
        "label": WORDS[verdict.label],
        "probability": round(verdict.probability, 4),
        "effects": json.dumps(effects, ensure_ascii=False),
    }
