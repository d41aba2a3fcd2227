"""Judges the competition's reviews with the published classifier.

  python -m projects.showcase.predict testData.tsv submission.csv

Download testData.tsv from the competition's page yourself; its rules forbid passing it on. The classifier
is made from its committed adapter by `verifolio derive sentiment.export` if this machine lacks it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from projects.sentiment.inference import Classifier, load_classifier, verdict
from projects.showcase.kaggle import FormatError, check_submission, read_reviews, write_submission
from verifolio.files import write_atomic

MODEL = Path(__file__).parents[2] / "build" / "derived" / "sentiment"
BATCH = 16


def judge(
    classifier: Classifier, reviews: list[str], tell: Callable[[int, int], None] = lambda done, total: None
) -> list[float]:
    """Probability of a favourable review, in the order given; batches are of like length."""
    order = sorted(range(len(reviews)), key=lambda one: len(reviews[one]))
    found = [0.0] * len(reviews)
    for first in range(0, len(order), BATCH):
        chosen = order[first : first + BATCH]
        for one, logits in zip(chosen, classifier.logits([reviews[one] for one in chosen]), strict=True):
            found[one] = verdict(logits).positive
        tell(first + len(chosen), len(order))
    return found


def main(arguments: list[str] | None = None) -> int:
    """0 when the submission is written and fits the format, 2 when not."""
    parser = argparse.ArgumentParser(prog="python -m projects.showcase.predict", description=__doc__)
    parser.add_argument("reviews", type=Path, help="testData.tsv of the competition")
    parser.add_argument("submission", type=Path, help="where to write")
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of classifier.onnx")
    chosen = parser.parse_args(arguments)
    try:
        rows = read_reviews(chosen.reviews)
        positive = judge(load_classifier(chosen.model), [review for _, review in rows])
        text = write_submission(zip((name for name, _ in rows), positive, strict=True))
        check_submission(text, [name for name, _ in rows], chosen.submission.name)
    except (FormatError, OSError, UnicodeDecodeError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    write_atomic(chosen.submission, text)
    print(f"{len(rows)} reviews judged: {chosen.submission}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
