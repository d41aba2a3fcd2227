"""Measures how far two word lists go."""

from __future__ import annotations

import json
from typing import Any

WEIGHTS = {"good": 1, "great": 1, "bad": -1, "awful": -1}


def run_measure(run: Any) -> None:
    from projects.toy.reviews import read_reviews, wilson

    rows = read_reviews(run.input("reviews"), run.params.get("limit"))
    hits = sum(judge(text, WEIGHTS, run.params["margin"]) == label for text, label in rows)
    run.metric(
        "accuracy", hits / len(rows), unit="ratio", better="higher", n=len(rows),
        ci=wilson(hits, len(rows)), ci_method="Wilson 95 %", label={"zh": "准确率", "en": "accuracy"},
    )  # fmt: skip
    run.metric("weights", len(WEIGHTS), unit="parameters", label={"zh": "权重", "en": "weights"})
    run.product("measure/weights.json").write_text(json.dumps(WEIGHTS) + "\n")


def judge(text: str, weights: dict[str, int], margin: int = 0) -> int:
    """1 when the good words outweigh the bad ones."""
    return int(score(text, weights) > margin)


def score(text: str, weights: dict[str, int]) -> int:
    """The sum of all weights."""
    words = text.lower().replace(",", " ").split()
    return sum(weights.get(word, 0) for word in words)
