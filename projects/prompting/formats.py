"""Experiment: the same question, four output formats: how many replies can be parsed, and how many are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.prompting.ask import Asks, embedded, user
from projects.prompting.charts import record_dots
from projects.prompting.reviews import ending, load_pool
from projects.prompting.scoring import LABELS, label_alone, label_in_json, label_said
from projects.prompting.tables import column, record_points, record_share

if TYPE_CHECKING:
    from verifolio.record import Run

SENTIMENT = {"type": "string", "enum": list(LABELS)}
SCHEMA = {
    "type": "object",
    "properties": {"sentiment": SENTIMENT},
    "required": ["sentiment"],
    "additionalProperties": False,
}
REASONED = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 100}, "sentiment": SENTIMENT},
    "required": ["reason", "sentiment"],  # in this order: the verdict comes after the words
    "additionalProperties": False,
}


def enforced(schema: dict[str, Any]) -> dict[str, Any]:
    """The option that makes the server forbid every token outside a schema."""
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": schema},
        }
    }


@dataclass(frozen=True)
class Format:
    """An instruction, how its reply is read, and what is asked of the server beside the prompt."""

    name: dict[str, str]
    instruction: str
    parse: Callable[[str], int | None]
    max_tokens: int
    options: dict[str, Any] = field(default_factory=dict)


JSON_SWAPPED = 'Reply with JSON only, either {"sentiment": "negative"} or {"sentiment": "positive"}.'
JSON_REASONED = (
    'Reply with JSON only: first "reason", a few words, then "sentiment", "positive" or "negative".'
)
JSON_ASKED = 'Reply with JSON only, either {"sentiment": "positive"} or {"sentiment": "negative"}.'
FORMATS = {
    "free": Format(
        {"zh": "自由作答", "en": "free text"}, "Is this review positive or negative? Say why.", label_said, 32
    ),
    "word": Format(
        {"zh": "只答一个词", "en": "one word"},
        "Answer with one word, positive or negative.", label_alone, 12,
    ),
    "json": Format({"zh": "提示里要求 JSON", "en": "JSON by prompt"}, JSON_ASKED, label_in_json, 24),
    "schema": Format(
        {"zh": "服务器强制 JSON", "en": "JSON enforced by the server"}, JSON_ASKED, label_in_json, 24,
        enforced(SCHEMA),
    ),
    "swapped": Format(
        {"zh": "强制 JSON，两个标签对调", "en": "JSON enforced, labels swapped"}, JSON_SWAPPED, label_in_json, 24,
        enforced(SCHEMA),
    ),
    "reasoned": Format(
        {"zh": "强制 JSON，先写理由", "en": "JSON enforced, reason first"}, JSON_REASONED, label_in_json, 64,
        enforced(REASONED),
    ),
}  # fmt: skip


def run_formats(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_formats(run, asker)


def measure_formats(run: Run, asker: Asks) -> None:
    """Every format on the same reviews; what cannot be parsed is not right."""
    params = run.params
    pool = load_pool(run.input("imdb"), asked=params["reviews"], shown=2, seed=run.seed)
    labels, texts = pool.asked.labels, [ending(text, params["words"]) for text in pool.asked.texts]
    said, example, all_replies = {}, {}, {}
    for key, form in FORMATS.items():
        replies = [
            asker.ask(
                user(f"Review: {text}\n\n{form.instruction}"), max_tokens=form.max_tokens, **form.options
            ).text
            for text in texts
        ]
        parsed = [form.parse(reply) for reply in replies]
        said[key] = np.array([-1 if label is None else label for label in parsed])
        unread = [reply for reply, label in zip(replies, parsed, strict=True) if label is None]
        example[key] = " ".join((unread or replies)[0].split())[:120]
        all_replies[key] = replies
        run.progress(len(said), len(FORMATS), "formats")
    rows = []
    for key, form in FORMATS.items():
        zh, en = form.name["zh"], form.name["en"]
        parsed, right = said[key] >= 0, said[key] == labels
        record_share(run, f"{key}_parsed", parsed, f"可解析：{zh}", f"parsed: {en}")
        record_share(run, f"{key}_accuracy", right, f"准确率：{zh}", f"accuracy: {en}")
        rows.append(
            {"format": form.name, "parsed": float(parsed.mean()), "accuracy": float(right.mean()),
             "says_positive": float((said[key] == 1).mean()), "example": example[key]}
        )  # fmt: skip
    run.table(
        "formats",
        columns=[
            column("format", "格式", "format"), column("parsed", "可解析", "parsed", "ratio"),
            column("accuracy", "准确率", "accuracy", "ratio"),
            column("says_positive", "答“正面”", "says positive", "ratio"),
            column("example", "一条回答（有解析不了的就取它）", "one reply (unparsed, if there is one)"),
        ],
        rows=rows,
    )  # fmt: skip
    record_points(
        run, "schema_parsed_gain", (said["schema"] >= 0).astype(float) - (said["json"] >= 0),
        "强制 JSON 比只在提示里要求多解析出", "parsed: enforced minus asked for",
    )  # fmt: skip
    record_dots(
        run, "parsed", {key: said[key] >= 0 for key in FORMATS}, {key: form.name for key, form in FORMATS.items()},
        "可解析的回答（%）", "replies that parse (%)",
    )  # fmt: skip
    record_dots(
        run, "says", {key: said[key] == 1 for key in FORMATS}, {key: form.name for key, form in FORMATS.items()},
        "答“正面”的回答（%）", "replies that say \"positive\" (%)",
    )  # fmt: skip
    _record_pair(run, labels, texts, all_replies)


def _record_pair(run: Run, labels: np.ndarray, texts: list[str], replies: dict[str, list[str]]) -> None:
    """Each format's replies on the first unfavourable and the first favourable review, side by side."""
    first = {LABELS[label]: int(np.argmax(labels == label)) for label in (0, 1)}
    rows: list[dict[str, Any]] = [
        {"asked": form.name, **{name: " ".join(replies[key][i].split())[:150] for name, i in first.items()}}
        for key, form in FORMATS.items()
    ]
    shown = {name: texts[i] for name, i in first.items()}
    run.table(
        "pair",
        columns=[
            column("asked", "格式", "format"), column("negative", "差评", "the unfavourable review"),
            column("positive", "好评", "the favourable review"),
        ],
        rows=[{"asked": {"zh": "影评结尾", "en": "end of the review"}, **shown}, *rows],
    )  # fmt: skip
