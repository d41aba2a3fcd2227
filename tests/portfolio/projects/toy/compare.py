"""Sets the word lists beside the plainest baseline: always the same answer."""

from __future__ import annotations

from typing import Any


def run_compare(run: Any) -> None:
    from projects.toy.reviews import read_reviews

    labels = [label for _, label in read_reviews(run.input("reviews"), run.params.get("limit"))]
    share = sum(labels) / len(labels)
    baseline = max(share, 1 - share)
    accuracy = run.result_of("measure").metrics["accuracy"].value
    label = {"zh": "准确率", "en": "accuracy"}
    run.metric("baseline", baseline, unit="ratio", better="higher", n=len(labels), label=label)
    rows = [
        {"method": {"zh": "总是同一类", "en": "always one class"}, "accuracy": baseline, "words": None},
        {"method": {"zh": "词表", "en": "word lists"}, "accuracy": accuracy, "words": 4},
    ]
    run.table(
        "methods",
        columns=[
            {"key": "method", "label": {"zh": "方法", "en": "method"}},
            {"key": "accuracy", "label": label, "unit": "ratio"},
            {"key": "words", "label": {"zh": "词数", "en": "words"}, "unit": "count"},
        ],
        rows=rows,
    )
    run.chart(
        "accuracy",
        _bars([("@constant", baseline), ("@lists", accuracy)]),
        words={
            "@constant": {"zh": "总是同一类", "en": "always one class"},
            "@lists": {"zh": "词表", "en": "word lists"},
            "@accuracy": label,
        },
    )


def _bars(values: list[tuple[str, float]]) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"method": name, "accuracy": value} for name, value in values]},
        "width": "container",
        "mark": {"type": "bar", "color": "#0072B2"},
        "encoding": {
            "y": {"field": "method", "type": "nominal", "title": None, "sort": None},
            "x": {"field": "accuracy", "type": "quantitative", "title": "@accuracy"},
        },
    }
